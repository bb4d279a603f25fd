"""Errors as RFC 9457 problem+json, from one table; no answer ever holds a part of the request.

FastAPI's own 422 echoes the input, and an unexpected error's message can hold a note: both are replaced here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from app.database.engine import error_name
from app.errors import (
    BundleRefused,
    DatabaseOutOfStep,
    DatabaseUnavailable,
    ExpiredKey,
    GivenUp,
    IdentityUnavailable,
    InvalidLine,
    InvalidResource,
    KeyUsedBefore,
    MissingKey,
    MissingScope,
    NameTaken,
    NoBundleFolder,
    NoDatabase,
    NoteStored,
    NoteTextNotStored,
    NotReady,
    OutOfTime,
    Overloaded,
    RateLimited,
    RevokedKey,
    TooManyJobs,
    TryLater,
    UnknownBundle,
    UnknownJob,
    UnknownNote,
    WrongContentType,
    WrongKey,
    WrongPart,
    WrongToken,
)
from model.errors import (
    EmbeddingMismatch,
    IcdCoderError,
    InvalidNote,
    InvalidOption,
    NoConformalSet,
    NoRanker,
    NoteTooLong,
)

TYPE_PREFIX = "urn:icd-coder:problem:"
MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="icd-coder"'
STATUS: dict[type[IcdCoderError], tuple[int, str]] = {
    NoteTooLong: (413, "note-too-long"),
    InvalidNote: (422, "invalid-note"),
    InvalidOption: (422, "invalid-option"),
    InvalidResource: (422, "invalid-resource"),
    InvalidLine: (422, "invalid-line"),
    UnknownNote: (404, "unknown-note"),
    UnknownJob: (404, "unknown-job"),
    UnknownBundle: (404, "unknown-bundle"),
    NoteTextNotStored: (409, "text-not-stored"),
    NoteStored: (409, "note-stored"),
    KeyUsedBefore: (409, "key-used-before"),
    NameTaken: (409, "name-taken"),
    BundleRefused: (409, "bundle-refused"),
    NoBundleFolder: (409, "no-bundle-folder"),
    NoDatabase: (409, "no-database"),
    NoRanker: (409, "no-ranker"),
    NoConformalSet: (409, "no-conformal-set"),
    EmbeddingMismatch: (503, "embedding-mismatch"),
    DatabaseOutOfStep: (503, "database-out-of-step"),
    DatabaseUnavailable: (503, "database-unavailable"),
    Overloaded: (503, "overloaded"),
    OutOfTime: (503, "out-of-time"),
    NotReady: (503, "not-ready"),
    MissingKey: (401, "missing-key"),
    WrongKey: (401, "wrong-key"),
    RevokedKey: (401, "revoked-key"),
    ExpiredKey: (401, "expired-key"),
    WrongToken: (401, "wrong-token"),
    IdentityUnavailable: (503, "identity-unavailable"),
    MissingScope: (403, "missing-scope"),
    RateLimited: (429, "rate-limited"),
    TooManyJobs: (429, "too-many-jobs"),
    GivenUp: (500, "given-up"),
    WrongContentType: (415, "wrong-content-type"),
}
"""Status and stable slug by error class; the first class that fits."""
HTTP_PROBLEMS: dict[int, tuple[str, str]] = {
    400: ("malformed-body", "the body cannot be read as JSON: send UTF-8 JSON"),
    404: ("unknown-route", "there is no such route: see /docs"),
    405: ("wrong-method", "the route does not answer this method: see /docs"),
    408: ("slow-body", "the body did not arrive within the service's body_seconds: send it again"),
    413: ("body-too-large", "the body is larger than the service's max_body_bytes: send one note alone"),
    415: ("wrong-content-type", "the body is not sent as JSON: set the header Content-Type: application/json"),
}
INTERNAL = ("internal-error", "the service failed: the log has the request id")
SAFE_MESSAGES = frozenset(
    {
        "missing",
        "string_type",
        "string_too_short",
        "string_too_long",
        "string_unicode",
        "int_type",
        "literal_error",
        "greater_than_equal",
        "text_or_note_id",
        "codes_of_a_text",
        "position_of_action",
    }
)
"""Kinds of validation error whose message is made of the schema alone."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    problem: str


class Problem(BaseModel):
    """Every error of the service (RFC 9457)."""

    type: str = Field(examples=[f"{TYPE_PREFIX}invalid-note"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the note is empty: send the text of a discharge summary"])
    errors: list[FieldProblem] | None = Field(default=None, description="By field, for a body of the wrong shape.")


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
        """An error of our own."""
        return known_problem(error, self.retry_after_seconds)

    async def database(self, _request: Request, error: Exception) -> JSONResponse:
        """A database error that no repository has named; its message may hold a row."""
        name = error_name(error) if isinstance(error, SQLAlchemyError) else type(error).__name__
        structlog.get_logger().error("database error", error=name)
        return known_problem(
            DatabaseUnavailable("the database cannot be used now: try again later"), self.retry_after_seconds
        )

    async def validation(self, request: Request, error: Exception) -> JSONResponse:
        """A body of the wrong shape: names of our fields and our own words, nothing of the input."""
        found = error.errors() if isinstance(error, RequestValidationError) else []
        if any(item["type"] == "json_invalid" for item in found):
            return problem_response(400, *HTTP_PROBLEMS[400])
        if any(item["loc"][:1] == ("body",) for item in found) and not _is_json(request):
            return problem_response(415, *HTTP_PROBLEMS[415])
        return _response(shape_problem(found))

    async def http(self, _request: Request, error: Exception) -> JSONResponse:
        """Unknown route, wrong method, unreadable body."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        slug, detail = HTTP_PROBLEMS.get(status, ("http-error", HTTPStatus(status).phrase))
        return problem_response(status, slug, detail, headers=headers)


def known_problem(error: Exception, retry_after_seconds: int) -> JSONResponse:
    """An error of our own as a response: its message holds no note text by the rule of ``model/errors.py``."""
    for kind, (status, slug) in STATUS.items():
        if isinstance(error, kind):
            headers = _headers(error, status, retry_after_seconds)
            return problem_response(status, slug, str(error), _fields_of(error), headers)
    structlog.get_logger().error("unmapped error", error=type(error).__name__)
    return unexpected()


def _fields_of(error: Exception) -> list[FieldProblem] | None:
    return [FieldProblem(field=error.field, problem=error.problem)] if isinstance(error, WrongPart) else None


def problem_of(error: Exception) -> Problem:
    """The same as a part of an answer that has other parts; an error that nobody foresaw without details."""
    for kind, (status, slug) in STATUS.items():
        if isinstance(error, kind):
            return make_problem(status, slug, str(error))
    return make_problem(500, *INTERNAL)


def shape_problem(found: Sequence[Any]) -> Problem:
    """Of a body, or a part of one, of the wrong shape: names of our fields and our own words, nothing of the input.

    Args:
        found: the errors of pydantic.
    """
    return make_problem(
        422,
        "invalid-request",
        "the request does not have the shape of the route: see errors, and /docs",
        [field_problem(item) for item in found],
    )


def make_problem(status: int, slug: str, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    """A problem with its type and title."""
    title = HTTPStatus(status).phrase
    return Problem(type=TYPE_PREFIX + slug, title=title, status=status, detail=detail, errors=errors)


def _headers(error: Exception, status: int, retry_after_seconds: int) -> dict[str, str]:
    """When to come again, or with what (RFC 9110 10.2.3 and 11.6.1, RFC 6750 3)."""
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
    """The answer to an error that nobody foresaw, without details."""
    return problem_response(500, *INTERNAL)


KEYED = (401, 403, 429)
"""What every route behind a key can answer with."""


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of the problems that a route can answer with."""
    schema = Problem.model_json_schema()
    # Inline: OpenAPI would look for the reference among its components.
    schema["properties"]["errors"] = {"type": "array", "items": schema.pop("$defs")["FieldProblem"]}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _is_json(request: Request) -> bool:
    """Whether the body was named JSON; FastAPI takes any other for one string, an absent one for null."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type.startswith("application/") and media_type.endswith(("/json", "+json"))


def field_problem(item: Mapping[str, Any]) -> FieldProblem:
    """One of pydantic's errors: the field, and our own words or those of the schema."""
    kind = str(item["type"])
    # The name of an unknown field, and any message outside the list, is text of the request.
    places = item["loc"][:-1] if kind == "extra_forbidden" else item["loc"]
    name = ".".join(str(place) for place in places) or "body"
    if kind == "extra_forbidden":
        return FieldProblem(field=name, problem="holds a field that the route does not know")
    return FieldProblem(field=name, problem=str(item["msg"]) if kind in SAFE_MESSAGES else "is not valid")
