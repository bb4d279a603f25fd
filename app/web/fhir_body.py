"""A route class that also accepts a FHIR DocumentReference as the body."""

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
    """Replaces a DocumentReference by the equivalent JSON body, and keeps elements for the answer in the state."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route, after the conversion of the body."""
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if _media_type(request) != FHIR_JSON:
                return await answer(request)
            if Scope.PREDICT not in request.state.caller.scopes:
                raise MissingScope(
                    Scope.PREDICT
                )  # before the resource is parsed; the route checks the scope only afterwards
            document = await asyncio.to_thread(_read, await request.body())
            request.state.document = document.kept
            return await answer(_with_json_body(request, document))

        return handle


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _read(body: bytes) -> SentDocument:
    """Parse the body. Raises HTTPException 400 if it is not JSON, and what :func:`read_document` raises."""
    try:
        parsed = json.loads(body.decode("utf-8"))
    except ValueError:
        parsed, broken = None, True
    else:
        broken = False
    if broken:
        raise HTTPException(400)  # outside of the except block: the error of the codec holds the body
    return read_document(parsed)


def _with_json_body(request: Request, document: SentDocument) -> Request:
    body = document.query.model_dump_json(exclude_unset=True).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
