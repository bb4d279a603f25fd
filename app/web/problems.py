"""Exception handlers: every error leaves the service as problem+json, made from ``app/problem_table.py``.

FastAPI's own 422 echoes the input, and an unexpected error's message can hold a note: both are replaced here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from app.database.engine import error_name
from app.errors import DatabaseUnavailable, MissingKey, MissingScope, RateLimited, TryLater, WrongPart
from app.problem_table import FOR_CLIENTS, INTERNAL, STATUS, make_problem, shape_problem, told
from icd_coder_client.answer import FieldProblem, Problem
from model.errors import IcdCoderError

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="icd-coder"'
HTTP_PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("malformed-body", "the body cannot be read as JSON: send UTF-8 JSON"),
    404: ("unknown-route", "there is no such route: see /docs"),
    405: ("wrong-method", "the route does not answer this method: see /docs"),
    408: ("slow-body", "the body did not arrive within the service's body_seconds: send it again"),
    413: ("body-too-large", "the body is larger than the service's max_body_bytes: send one note alone"),
    415: ("wrong-content-type", "the body is not sent as JSON: set the header Content-Type: application/json"),
}


@dataclass(frozen=True)
class ProblemHandlers:
    """The exception handlers of the application."""

    retry_after_seconds: int

    def install(self, app: FastAPI) -> None:
        """Answer every known error with a problem."""
        app.add_exception_handler(IcdCoderError, self.known)
        app.add_exception_handler(SQLAlchemyError, self.database)
        app.add_exception_handler(RequestValidationError, self.validation)
        app.add_exception_handler(HTTPException, self.http)

    async def known(self, _request: Request, error: Exception) -> JSONResponse:
        """Answer an error of this program with its problem; what of it is for the operator alone is logged."""
        log_for_operator(error)
        return known_problem(error, self.retry_after_seconds)

    async def database(self, _request: Request, error: Exception) -> JSONResponse:
        """Answer a database error that no repository translated; its message may hold a row."""
        name = error_name(error) if isinstance(error, SQLAlchemyError) else type(error).__name__
        structlog.get_logger().error("database error", error=name)
        return known_problem(DatabaseUnavailable(FOR_CLIENTS[DatabaseUnavailable], name), self.retry_after_seconds)

    async def validation(self, request: Request, error: Exception) -> JSONResponse:
        """Answer a request that does not match the schema, without repeating the input."""
        found = error.errors() if isinstance(error, RequestValidationError) else []
        if any(item["type"] == "json_invalid" for item in found):
            return problem_response(400, *HTTP_PROBLEMS[400])
        if any(item["loc"][:1] == ("body",) for item in found) and not _is_json(request):
            return problem_response(415, *HTTP_PROBLEMS[415])
        return _response(shape_problem(found))

    async def http(self, _request: Request, error: Exception) -> JSONResponse:
        """Answer an unknown route, a wrong method or an unreadable body."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        slug, detail = HTTP_PROBLEMS.get(status, ("http-error", HTTPStatus(status).phrase))
        return problem_response(status, slug, detail, headers=headers)


def log_for_operator(error: Exception) -> None:
    """Log an error of the database with its message, which names the place and the remedy; clients do not get it."""
    if isinstance(error, tuple(FOR_CLIENTS)):
        name = error.cause if isinstance(error, DatabaseUnavailable) else type(error).__name__
        structlog.get_logger().error("the database cannot be used", error=name, problem=str(error))


def known_problem(error: Exception, retry_after_seconds: int) -> JSONResponse:
    """The response to an error of this program; by the rule of ``model/errors.py`` its message holds no note text."""
    for kind, (status, slug) in STATUS.items():
        if isinstance(error, kind):
            headers = _headers(error, status, retry_after_seconds)
            return problem_response(status, slug, told(error), _fields_of(error), headers)
    structlog.get_logger().error("unmapped error", error=type(error).__name__)
    return unexpected()


def _fields_of(error: Exception) -> list[FieldProblem] | None:
    return [FieldProblem(field=error.field, problem=error.problem)] if isinstance(error, WrongPart) else None


def _headers(error: Exception, status: int, retry_after_seconds: int) -> dict[str, str]:
    """``Retry-After`` or ``WWW-Authenticate`` (RFC 9110, 10.2.3 and 11.6.1; RFC 6750, 3)."""
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, MissingScope):
        return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
    if isinstance(error, MissingKey):
        return {"WWW-Authenticate": CHALLENGE}
    if status == 401:
        return {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}
    if isinstance(error, TryLater) and error.retry_after_seconds is not None:
        retry_after_seconds = max(retry_after_seconds, error.retry_after_seconds)
    return {"Retry-After": str(retry_after_seconds)} if status == 503 else {}


def problem_response(
    status: int,
    slug: str,
    detail: str,
    errors: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem as a response."""
    return _response(make_problem(status, slug, detail, errors), headers)


def _response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


def unexpected() -> JSONResponse:
    """The response to an unexpected error, without details."""
    return problem_response(500, *INTERNAL)


KEYED = (401, 403, 429)
"""Statuses that every route with authentication can answer."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the error statuses of a route."""
    schema = Problem.model_json_schema()
    # Inline, because OpenAPI would look for the reference in its components.
    schema["properties"]["errors"] = {"type": "array", "items": schema.pop("$defs")["FieldProblem"]}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _is_json(request: Request) -> bool:
    """Whether the Content-Type is JSON; FastAPI reads any other body as a string, and a missing one as null."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type.startswith("application/") and media_type.endswith(("/json", "+json"))
