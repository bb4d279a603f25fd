"""The layer that counts what is in flight and, at a stop, lets nothing new in."""

from collections.abc import Set

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import Overloaded
from app.inference.worker import STOPPING
from app.web.problems import known_problem
from app.web.state import Readiness


class Draining:
    """Behind the gate, before the body is read: 503 while the service is stopping, but on the paths of probes."""

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
