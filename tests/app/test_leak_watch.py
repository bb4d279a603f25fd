"""The watch over answers sees what an application lets out: the control of the check that every test runs under."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web.metrics import Metrics
from app.web.request_log import RequestLog
from tests.app.fakes import FakeCoder
from tests.app.leak_watch import watched_answers
from tests.canary import CANARY


@pytest.fixture(autouse=True)
def no_note_leaks() -> None:
    """Here notes leak on purpose."""


@pytest.mark.parametrize(
    ("path", "status", "leak"),
    [
        ("/v1/predict", 200, False),
        ("/v1/predict", 422, True),
        ("/v1/predict", 500, True),
        ("/metrics", 200, True),
        ("/readyz", 503, True),
    ],
)
@pytest.mark.parametrize("place", ["body", "header"])
def test_a_note_in_an_answer_that_may_not_hold_one_is_seen(path: str, status: int, leak: bool, place: str) -> None:
    """An error, a probe or a metric; a prediction holds words of its note."""

    async def leaking(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"x-header", CANARY.encode())] if place == "header" else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": f"a note: {CANARY}".encode() if place == "body" else b""})

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    async def sent(_message: Message) -> None:
        return None

    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    with watched_answers() as found:
        asyncio.run(RequestLog(leaking, Metrics(FakeCoder()))(scope, nothing, sent))
    assert found == ([f"{status} {path}"] if leak else [])
