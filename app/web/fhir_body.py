"""A route that reads a DocumentReference where it is sent as FHIR, and its own body otherwise."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from app.access.scopes import Scope
from app.errors import MissingScope
from app.fhir.document_reference import SentDocument, read_document
from app.wire import FHIR_JSON


class DocumentRoute(APIRoute):
    """Puts what a DocumentReference asks in the place of the body, and what is to be repeated of it into the state."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler behind the reader."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if _media_type(request) != FHIR_JSON:
                return await answer(request)
            if Scope.PREDICT not in request.state.caller.scopes:
                raise MissingScope(Scope.PREDICT)  # before the work; the route itself would say it after
            document = await asyncio.to_thread(_read, await request.body())
            request.state.document = document.kept
            return await answer(_asking(request, document))

        return handle


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(body: bytes) -> SentDocument:
    """Raises HTTPException 400 for what is not JSON, and what :func:`read_document` raises."""
    try:
        parsed = json.loads(body.decode("utf-8"))
    except ValueError:
        parsed, broken = None, True
    else:
        broken = False
    if broken:
        raise HTTPException(400)  # outside of the codec's error, which holds the body
    return read_document(parsed)


def _asking(request: Request, document: SentDocument) -> Request:
    body = document.query.model_dump_json(exclude_unset=True).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
