"""Looks at every answer of the services that the tests make: errors, probes, metrics and descriptions hold no note."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.web.request_log import RequestLog
from tests.canary import CANARY

WITHOUT_NOTES = frozenset({"/healthz", "/readyz", "/metrics", "/", "/docs", "/openapi.json", "/v1/model", "/v1/codes"})


@contextmanager
def watched_answers() -> Iterator[list[str]]:
    """What leaks, while the block runs: "status path" of each answer that holds the canary and may not."""
    found: list[str] = []
    answer = RequestLog.__call__

    async def watched(layer: RequestLog, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def look(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts = [part for header in message.get("headers", []) for part in header] + [message.get("body", b"")]
            closed = status >= 400 or scope["path"] in WITHOUT_NOTES
            if closed and any(CANARY.encode() in part for part in parts):
                found.append(f"{status} {scope['path']}")
            await send(message)

        await answer(layer, scope, receive, look if scope["type"] == "http" else send)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestLog, "__call__", watched)
        yield found
