"""HTTP status and problem type of every error, and the conversion of errors to problems (RFC 9457).

A problem never contains a part of the request, because messages of pydantic repeat the input and the message of an
unexpected error can hold a note.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from app.errors import (
    AbandonedItem,
    BundleRefused,
    DatabaseOutOfStep,
    DatabaseUnavailable,
    ExpiredKey,
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
    UnknownBundle,
    UnknownJob,
    UnknownNote,
    WrongContentType,
    WrongKey,
    WrongToken,
)
from icd_coder_client.answer import FieldProblem, Problem
from model.errors import (
    EmbeddingMismatch,
    IcdCoderError,
    InvalidNote,
    InvalidOption,
    NoConformalSet,
    NoRanker,
    NoteTooCostly,
    NoteTooLong,
)

TYPE_PREFIX = "urn:icd-coder:problem:"
STATUS: dict[type[IcdCoderError], tuple[int, str]] = {
    NoteTooLong: (413, "note-too-long"),
    NoteTooCostly: (422, "note-too-costly"),
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
    AbandonedItem: (500, "given-up"),
    WrongContentType: (415, "wrong-content-type"),
}
"""Status and last part of the problem type by error class; the first class that matches is used."""
FOR_CLIENTS: dict[type[IcdCoderError], str] = {
    DatabaseUnavailable: "the database cannot be used now",
    DatabaseOutOfStep: "the database does not have the schema of this version",
    EmbeddingMismatch: "the database has no embeddings that fit this bundle",
}
"""What a client is told of errors whose message names the database and how to mend it; the log has that."""
MOST_ERRORS = 100
"""Errors of one body that are listed: an answer must not be larger and slower than its request."""
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
        "code_spelling",
        "position_of_action",
    }
)
"""Types of validation error whose message contains nothing of the input."""
UNKNOWN_KIND = "extra_forbidden"
FIELD_NAME = re.compile(r"[a-z_][A-Za-z0-9_-]{0,39}")
"""An unknown field of this shape is named, as "topK" or "note-id"; another name may be words of a note."""
UNKNOWN_FIELD = "is not a field of this route"
UNNAMED_FIELD = "has a field that the route does not know, and whose name is left out because it may be text of a note"


def problem_of(error: Exception) -> Problem:
    """The problem of an error; for an unexpected error without details."""
    for kind, (status, slug) in STATUS.items():
        if isinstance(error, kind):
            return make_problem(status, slug, told(error))
    return make_problem(500, *INTERNAL)


def told(error: Exception) -> str:
    """What a client is told of an error of this program; of one of the database its name, such as SQLITE_BUSY."""
    for kind, general in FOR_CLIENTS.items():
        if isinstance(error, kind):
            name = f" ({error.cause})" if isinstance(error, DatabaseUnavailable) else ""
            return f"{general}{name}: try again later; the service's log has what to do"
    return str(error)


def shape_problem(found: Sequence[Any]) -> Problem:
    """The problem of a body, or a part of one, that does not match the schema; repeats nothing of the input.

    Args:
        found: errors as :meth:`pydantic.ValidationError.errors` returns them; MOST_ERRORS are listed.
    """
    listed = "errors" if len(found) <= MOST_ERRORS else f"errors, the first {MOST_ERRORS} of {len(found)}"
    return make_problem(
        422,
        "invalid-request",
        f"the request does not have the shape of the route: see {listed}, and /docs",
        [field_problem(item) for item in found[:MOST_ERRORS]],
    )


def make_problem(status: int, slug: str, detail: str, errors: list[FieldProblem] | None = None) -> Problem:
    """A problem with the type of the slug and the title of the status."""
    title = HTTPStatus(status).phrase
    return Problem(type=TYPE_PREFIX + slug, title=title, status=status, detail=detail, errors=errors)


def field_problem(item: Mapping[str, Any]) -> FieldProblem:
    """One error of pydantic: the name of the field, and a message without the input."""
    kind, place = str(item["type"]), named_place(item)
    problem = str(item["msg"]) if kind in SAFE_MESSAGES else "is not valid"  # other messages can hold the input
    if kind == UNKNOWN_KIND:
        problem = UNKNOWN_FIELD if place == item["loc"] else UNNAMED_FIELD
    return FieldProblem(field=".".join(map(str, place)) or "body", problem=problem)


def named_place(item: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Where an error of pydantic is: the way to the field, or to its object if the unknown field cannot be named."""
    place: tuple[int | str, ...] = item["loc"]
    is_named = item["type"] != UNKNOWN_KIND or FIELD_NAME.fullmatch(str(place[-1]))
    return place if is_named else place[:-1]
