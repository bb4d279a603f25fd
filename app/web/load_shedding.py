"""Middleware that refuses requests with 503: while too many are in progress, and while the service is stopping.

``LoadShedding`` stands before authentication. 200 clients that retry as soon as they are refused keep the event loop
busy with refusals alone, and /healthz then took 700 ms (docs/LOG.md, 2026-11-23). So the number of requests in
progress is limited, the others are refused before any work is done for them, and under high load a refusal is delayed
by about a second, which costs nothing and slows the retries down. A delayed refusal holds no place: otherwise clients
without a key would keep out those with one.
"""

import asyncio
import random
from collections.abc import Set
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Overloaded
from app.inference.worker import STOPPING
from app.web.authentication import is_known
from app.web.problems import known_problem
from app.web.state import Readiness

UNQUEUED_REQUESTS = 8
"""Requests in progress that do not wait for the coder, on top of its queue; untuned."""
REFUSALS = frozenset({401, 403, 429, 503})
DELAY_SECONDS = (0.5, 1.5)
"""Range of the random delay; random, so that clients refused together do not retry together."""


class LoadShedding:
    """Refuses requests beyond ``max_requests``, and delays refusals while half as many are in progress or delayed.

    Who has no valid key and is over the limit of requests without one waits at any load: refusals alone, as fast as
    100 connections ask for them, would take a whole core.
    A request counts until its answer begins: how long the client takes to read it must not matter. Streams last
    longer and have limits of their own (:mod:`app.web.concurrency_limit`).
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
        self.delayed = 0
        """Refusals that are held back; their requests are no longer in progress."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.probes:
            await self.app(scope, receive, send)
            return

        is_counted = False

        async def send_refusals_slowly(message: Message) -> None:
            nonlocal is_counted
            if message["type"] == "http.response.start":
                is_slow = self._is_slow(message["status"], is_known(scope))
                self.in_progress -= is_counted
                is_counted = False
                if is_slow:
                    await self._delay()
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

    def _is_slow(self, status: int, has_caller: bool) -> bool:
        is_loaded = 2 * (self.in_progress + self.delayed) >= self.max_requests
        is_over_limit = status == HTTPStatus.TOO_MANY_REQUESTS and not has_caller
        return not self.readiness.stopping and (is_over_limit or (is_loaded and status in REFUSALS))

    async def _delay(self) -> None:
        self.delayed += 1
        try:
            await asyncio.sleep(random.uniform(*DELAY_SECONDS))
        finally:
            self.delayed -= 1

    def _refusal(self) -> ASGIApp:
        error = Overloaded(f"{self.max_requests} requests are in progress already: send it again later")
        return known_problem(error, self.retry_after_seconds)


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
