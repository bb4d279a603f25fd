"""More clients than the service accepts at once."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web import load_shedding as load_shedding
from app.web.load_shedding import LoadShedding
from app.web.state import Readiness

OVERLOADED = "urn:icd-coder:problem:overloaded"


class Requests:
    """Requests to the middleware over an application that answers with one status once it is allowed to."""

    def __init__(self, max_requests: int, status: int = 200, stopping: bool = False) -> None:
        self.status = status
        self.let = asyncio.Event()
        self.entered = 0
        self.layer = LoadShedding(self._app, max_requests, Readiness(stopping=stopping), 5, frozenset({"/healthz"}))

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered += 1
        if scope["path"] != "/healthz":
            await self.let.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})

    async def ask(self, path: str = "/v1/predict", **state: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("the body is not read")

        await self.layer({"type": "http", "path": path, "state": state}, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, json.loads(sent[1]["body"]) if len(sent) > 1 else None


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The delays of refusals, without waiting for them."""
    waits: list[float] = []
    wait = asyncio.sleep

    async def count(seconds: float) -> None:
        waits.append(seconds) if seconds else None
        await wait(0)

    monkeypatch.setattr(load_shedding.asyncio, "sleep", count)
    return waits


def test_requests_beyond_the_limit_are_refused_and_probes_are_answered(delays: list[float]) -> None:
    """Before its body is read; the others leave room when they are answered."""

    async def scenario() -> None:
        requests = Requests(max_requests=2)
        first = [asyncio.ensure_future(requests.ask()) for _ in range(2)]
        await settle()
        status, headers, body = await requests.ask()
        assert (status, headers["retry-after"], body["type"]) == (503, "5", OVERLOADED)
        assert (await requests.ask("/healthz"))[0] == 200
        assert requests.entered == 3
        requests.let.set()
        assert [(await each)[0] for each in first] == [200, 200]
        assert (await requests.ask())[0] == 200

    asyncio.run(scenario())
    assert len(delays) == 1
    assert 0.5 <= delays[0] <= 1.5


@pytest.mark.parametrize(
    ("others", "status", "stopping", "slow"),
    [
        (0, 503, False, False),
        (4, 503, False, True),
        (4, 429, False, True),
        (4, 401, False, True),
        (4, 200, False, False),
        (4, 422, False, False),
        (4, 503, True, False),
    ],
)
def test_refusals_are_delayed_under_load_only(
    delays: list[float], others: int, status: int, stopping: bool, slow: bool
) -> None:
    """One client is refused at once, answers are never delayed, and neither is a refusal during a stop."""

    async def scenario() -> None:
        requests = Requests(max_requests=8, status=status, stopping=stopping)
        requests.layer.in_progress += others
        requests.let.set()
        assert (await requests.ask())[0] == status

    asyncio.run(scenario())
    assert bool(delays) is slow


@pytest.mark.parametrize(
    ("status", "state", "stopping", "slow"),
    [
        (429, {}, False, True),
        (429, {"caller": "somebody"}, False, False),
        (401, {}, False, False),
        (429, {}, True, False),
    ],
)
def test_who_asks_too_often_without_a_key_waits_at_any_load(
    delays: list[float], status: int, state: dict[str, str], stopping: bool, slow: bool
) -> None:
    """Otherwise its refusals take the event loop from everybody else."""

    async def scenario() -> None:
        requests = Requests(max_requests=100, status=status, stopping=stopping)
        requests.let.set()
        assert (await requests.ask(**state))[0] == status

    asyncio.run(scenario())
    assert bool(delays) is slow


def test_a_request_is_not_counted_after_an_error(delays: list[float]) -> None:
    """Nor after its client disconnected."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    async def scenario() -> None:
        requests = Requests(max_requests=1)
        gone = asyncio.ensure_future(requests.ask())
        await settle()
        gone.cancel()
        await settle()
        assert requests.layer.in_progress == 0
        requests.layer.app = failing
        with pytest.raises(RuntimeError):
            await requests.ask()
        assert requests.layer.in_progress == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_delayed_refusal_holds_no_place(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """However many strangers wait for theirs, the next request is let in; and all of them count as load."""
    monkeypatch.setattr(load_shedding, "DELAY_SECONDS", (30, 30))

    async def scenario() -> None:
        requests = Requests(max_requests=4, status=status)
        requests.let.set()
        requests.layer.delayed = 2
        strangers = [asyncio.ensure_future(requests.ask()) for _ in range(50)]
        await settle()
        assert (requests.layer.in_progress, requests.layer.delayed) == (0, 52)
        requests.status = 200
        assert (await asyncio.wait_for(requests.ask(), 10))[0] == 200
        for stranger in strangers:
            stranger.cancel()
        await settle()
        assert (requests.layer.in_progress, requests.layer.delayed) == (0, 2)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", [b"text/event-stream; charset=utf-8", b"application/jsonl", b"application/json"])
def test_an_answer_that_has_begun_is_not_counted(kind: bytes) -> None:
    """However slowly it is read, and its end does not lower the count again."""

    async def scenario() -> None:
        begun, ends = asyncio.Event(), asyncio.Event()

        async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
            begun.set()
            await ends.wait()

        requests = Requests(max_requests=1)
        requests.layer.app = stream
        task = asyncio.create_task(requests.ask("/v1/jobs/x/events"))
        await asyncio.wait_for(begun.wait(), 10)
        assert requests.layer.in_progress == 0
        ends.set()
        assert (await task)[0] == 200
        assert requests.layer.in_progress == 0

    asyncio.run(scenario())
