"""Middleware that refuses requests with 503: while too many are in progress, and while the service is stopping.

``LoadShedding`` stands before authentication. 200 clients that retry as soon as they are refused keep the event loop
busy with refusals alone, and /healthz then took 700 ms (docs/LOG.md, 2026-11-23). So the number of requests in
progress is limited, the others are refused before any work is done for them, and under high load a refusal is delayed
by about a second, which costs nothing and slows the retries down.
"""

import asyncio
import random
from collections.abc import Set

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Overloaded
from app.inference.worker import STOPPING
from app.web.problems import known_problem
from app.web.state import Readiness

UNQUEUED_REQUESTS = 8
"""Requests in progress that do not wait for the coder, on top of its queue; untuned."""
EVENT_STREAM = "text/event-stream"
REFUSALS = frozenset({401, 403, 429, 503})
DELAY_SECONDS = (0.5, 1.5)
"""Range of the random delay; random, so that clients refused together do not retry together."""


class LoadShedding:
    """Refuses requests beyond ``max_requests``, and delays refusals while at least half of them are in progress.

    A stream of events counts only until it begins: it lasts as long as a job and has a limit of its own.
    """

    def __init__(
        self, app: ASGIApp, max_requests: int, readiness: Readiness, retry_after_seconds: int, probes: Set[str]
    ) -> None:
        self.app = app
        self.max_requests = max_requests
        self.readiness = readiness
        self.probes = probes
        self.retry_after_seconds = retry_after_seconds
        self.in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.probes:
            await self.app(scope, receive, send)
            return

        is_counted = False

        async def send_refusals_slowly(message: Message) -> None:
            nonlocal is_counted
            if is_counted and _begins_stream(message):
                self.in_progress -= 1
                is_counted = False
            if message["type"] == "http.response.start" and message["status"] in REFUSALS and self._is_loaded:
                await asyncio.sleep(random.uniform(*DELAY_SECONDS))
            await send(message)

        if self.in_progress >= self.max_requests:
            await self._refusal()(scope, receive, send_refusals_slowly)
            return
        self.in_progress += 1
        is_counted = True
        try:
            await self.app(scope, receive, send_refusals_slowly)
        finally:
            self.in_progress -= is_counted

    @property
    def _is_loaded(self) -> bool:
        return 2 * self.in_progress >= self.max_requests and not self.readiness.stopping

    def _refusal(self) -> ASGIApp:
        error = Overloaded(f"{self.max_requests} requests are in progress already: send it again later")
        return known_problem(error, self.retry_after_seconds)


def _begins_stream(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENT_STREAM)


class Draining:
    """Counts the requests in flight, and refuses new ones while the service is stopping; probes are always answered.

    It stands behind authentication and before the body is read.
    """

    def __init__(self, app: ASGIApp, readiness: Readiness, retry_after_seconds: int, probes: Set[str]) -> None:
        self.app = app
        self.readiness = readiness
        self.probes = probes
        self.retry_after_seconds = retry_after_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.probes:
            await self.app(scope, receive, send)
            return
        if self.readiness.stopping:
            await known_problem(Overloaded(STOPPING), self.retry_after_seconds)(scope, receive, send)
            return
        self.readiness.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.readiness.in_flight -= 1
