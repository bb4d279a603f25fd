"""Middleware that authenticates requests before their body is read, except on open paths."""

from collections.abc import Set

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.gate import Gate
from app.errors import DatabaseUnavailable
from app.logs import NOBODY, error_fields
from app.web.docs_page import ASSETS
from app.web.problems import known_problem
from model.errors import IcdCoderError

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/docs", *ASSETS, "/openapi.json"})
"""Paths without authentication; they reveal nothing about notes, keys or bundles. Every other path needs a key."""


def is_known(scope: Scope) -> bool:
    """Whether the request of a scope was authenticated."""
    return "caller" in scope.get("state", {})


def who_asks(scope: Scope) -> str:
    """The id of the key, "no-auth", or "nobody" without authentication, as on open paths."""
    return str(getattr(scope.get("state", {}).get("caller"), "who", NOBODY))


class Authentication:
    """Stores the caller in the state of the request, or answers with a problem."""

    def __init__(self, app: ASGIApp, gate: Gate, retry_after_seconds: int, open_paths: Set[str] = OPEN_PATHS) -> None:
        self.app = app
        self.gate = gate
        self.open_paths = open_paths
        self.retry_after_seconds = retry_after_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self.open_paths:
            try:
                address = (scope.get("client") or ("unknown",))[0]
                caller = await self.gate.admit(Headers(scope=scope).getlist("authorization"), address)
            except DatabaseUnavailable as error:
                structlog.get_logger().error(
                    "the access keys cannot be read", problem=str(error), **error_fields(error)
                )
                await known_problem(error, self.retry_after_seconds)(scope, receive, send)
                return
            except IcdCoderError as error:
                await known_problem(error, self.retry_after_seconds)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)
