"""More clients than the service has places for."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web import load_shedding as crowd
from app.web.load_shedding import Crowd
from app.web.state import Readiness

OVERLOADED = "urn:icd-coder:problem:overloaded"


class Requests:
    """Requests to a layer over an application that answers when it is let, with one status."""

    def __init__(self, places: int, status: int = 200, stopping: bool = False) -> None:
        self.status = status
        self.let = asyncio.Event()
        self.entered = 0
        self.crowd = Crowd(self._app, places, Readiness(stopping=stopping), 5, frozenset({"/healthz"}))

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered += 1
        if scope["path"] != "/healthz":
            await self.let.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})

    async def ask(self, path: str = "/v1/predict") -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("the body is not read")

        await self.crowd({"type": "http", "path": path}, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, json.loads(sent[1]["body"]) if len(sent) > 1 else None


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long refusals were held back, instead of waiting."""
    waits: list[float] = []
    wait = asyncio.sleep

    async def count(seconds: float) -> None:
        waits.append(seconds) if seconds else None
        await wait(0)

    monkeypatch.setattr(crowd.asyncio, "sleep", count)
    return waits


def test_who_finds_no_place_is_refused_and_probes_are_answered(held: list[float]) -> None:
    """Without a look at the body; places are free again when the others are done."""

    async def scenario() -> None:
        requests = Requests(places=2)
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
    assert len(held) == 1
    assert 0.5 <= held[0] <= 1.5


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
def test_refusals_are_slow_in_a_crowd_alone(
    held: list[float], others: int, status: int, stopping: bool, slow: bool
) -> None:
    """A lone client learns at once that it is refused, everybody gets answers at once, and a stop is not held up."""

    async def scenario() -> None:
        requests = Requests(places=8, status=status, stopping=stopping)
        requests.crowd.present += others
        requests.let.set()
        assert (await requests.ask())[0] == status

    asyncio.run(scenario())
    assert bool(held) is slow


def test_a_place_is_free_again_after_an_error(held: list[float]) -> None:
    """And after a client that went away."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    async def scenario() -> None:
        requests = Requests(places=1)
        gone = asyncio.ensure_future(requests.ask())
        await settle()
        gone.cancel()
        await settle()
        assert requests.crowd.present == 0
        requests.crowd.app = failing
        with pytest.raises(RuntimeError):
            await requests.ask()
        assert requests.crowd.present == 0

    asyncio.run(scenario())


def test_a_stream_of_events_holds_no_place() -> None:
    """From its beginning to its end, at which no place is given back a second time."""

    async def scenario() -> None:
        begun, ends = asyncio.Event(), asyncio.Event()

        async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
            kind = (b"content-type", b"text/event-stream; charset=utf-8")
            await send({"type": "http.response.start", "status": 200, "headers": [kind]})
            begun.set()
            await ends.wait()

        requests = Requests(places=1)
        requests.crowd.app = stream
        task = asyncio.create_task(requests.ask("/v1/jobs/x/events"))
        await asyncio.wait_for(begun.wait(), 10)
        assert requests.crowd.present == 0
        ends.set()
        assert (await task)[0] == 200
        assert requests.crowd.present == 0

    asyncio.run(scenario())
