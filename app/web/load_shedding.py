"""The layer that keeps a crowd from filling the event loop, so that probes are answered at once whoever else asks.

200 clients who ask again the moment they are refused keep the loop busy with refusals alone: /healthz then waited for
700 ms behind them (docs/LOG.md, 2026-11-23). So only so many requests are in work at once, the next are refused before
anything is done for them, and while it is crowded a refusal is held back for about a second, which costs nothing.
"""

import asyncio
import random
from collections.abc import Set

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Overloaded
from app.web.problems import known_problem
from app.web.state import Readiness

BESIDE_THE_LINE = 8
"""Requests in work that do not wait for the coder; untuned."""
EVENT_STREAM = "text/event-stream"
REFUSALS = frozenset({401, 403, 429, 503})
HELD_SECONDS = (0.5, 1.5)
"""Of this range at random, so that those who were refused together do not come back together."""


class Crowd:
    """Before the gate: 503 when every place is taken, and slow refusals while at least half of them are.

    A stream of events gives its place back when it begins: it lasts as long as a job, and has a limit of its own.
    """

    def __init__(
        self, app: ASGIApp, places: int, readiness: Readiness, retry_after_seconds: int, probes: Set[str]
    ) -> None:
        self.app = app
        self.places = places
        self.readiness = readiness
        self.probes = probes
        self.retry_after_seconds = retry_after_seconds
        self.present = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.probes:
            await self.app(scope, receive, send)
            return

        holds_place = False

        async def send_refusals_slowly(message: Message) -> None:
            nonlocal holds_place
            if holds_place and _begins_stream(message):
                self.present -= 1
                holds_place = False
            if message["type"] == "http.response.start" and message["status"] in REFUSALS and self._crowded:
                await asyncio.sleep(random.uniform(*HELD_SECONDS))
            await send(message)

        if self.present >= self.places:
            await self._full()(scope, receive, send_refusals_slowly)
            return
        self.present += 1
        holds_place = True
        try:
            await self.app(scope, receive, send_refusals_slowly)
        finally:
            self.present -= holds_place

    @property
    def _crowded(self) -> bool:
        return 2 * self.present >= self.places and not self.readiness.stopping

    def _full(self) -> ASGIApp:
        refusal = Overloaded(f"{self.places} requests are in work already: send it again later")
        return known_problem(refusal, self.retry_after_seconds)


def _begins_stream(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENT_STREAM)
