"""Middleware: an id, one log line and one metric for each request, and an answer to unforeseen errors."""

import re
from collections.abc import Mapping
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import error_fields
from app.web.metrics import Metrics
from app.web.problems import unexpected

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GIVEN = re.compile(r"[0-9a-f]{16,32}", re.ASCII)


class RequestLog:
    """Gives each request an id (``X-Request-ID``), logs and counts it without its content, answers unforeseen errors.

    The error is not raised further: the server would log its message.
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
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the last line of defence of every request
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
                who=_who(state),
                ms=round(seconds * 1000, 1),
            )


def _request_id(scope: Scope) -> str:
    """The header X-Request-ID where it is a UUID or 16 to 32 hex digits, without hyphens; else a new one.

    Nothing else is taken: an id goes into logs, where a name or a word of a note could stand in a longer alphabet.
    """
    given = Headers(scope=scope).get("x-request-id", "").lower()
    bare = given.replace("-", "") if len(given) == 36 else given
    return bare if _GIVEN.fullmatch(bare) else uuid4().hex


def _who(state: Mapping[str, Any]) -> str:
    """A key's id, "no-auth", or "nobody" before the gate and on the open paths."""
    return str(getattr(state.get("caller"), "who", "nobody"))


def template(scope: Scope) -> str:
    """The route's template; a path that matches none may hold anything and is not logged."""
    return str(getattr(scope.get("route"), "path", "none"))
