"""Middleware that gives each request an id, logs and counts it, and answers unexpected errors."""

import re
from time import perf_counter
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import error_fields
from app.web.authentication import OPEN_PATHS, who_asks
from app.web.metrics import Metrics
from app.web.problems import unexpected

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_STORE = (b"cache-control", b"no-store")
_GIVEN = re.compile(r"[0-9a-f]{16,32}", re.ASCII)


class RequestLog:
    """Adds the header ``X-Request-ID``, and logs each request without its content.

    Unexpected errors are answered here and not raised, because the server would log their message.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        log = structlog.get_logger().bind(request_id=request_id)
        status = 0
        start = perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*kept_headers(scope, message), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the outermost handler of every request
            log.error("unexpected error", **error_fields(error))
            if status == 0:
                await unexpected()(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - start
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = template(scope)
            self.metrics.request(method, route, status, seconds)
            log.info(
                "request",
                method=method,
                route=route,
                status=status,
                who=who_asks(scope),
                ms=round(seconds * 1000, 1),
            )


def kept_headers(scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
    """The headers of an answer; no cache may store one that can hold words of a note or codes of a patient."""
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", []))
    if scope["path"] in OPEN_PATHS:
        return headers
    return [*(each for each in headers if each[0] != b"cache-control"), NO_STORE]


def _request_id(scope: Scope) -> str:
    """The header X-Request-ID, if it is a UUID or 16 to 32 hex digits, without hyphens; otherwise a new id.

    Other values are not used, because the id is logged and could otherwise carry a name or a word of a note.
    """
    given = Headers(scope=scope).get("x-request-id", "").lower()
    bare = given.replace("-", "") if len(given) == 36 else given
    return bare if _GIVEN.fullmatch(bare) else uuid4().hex


def template(scope: Scope) -> str:
    """The template of the route, or "none": an unknown path can hold anything and is not logged."""
    return str(getattr(scope.get("route"), "path", "none"))
