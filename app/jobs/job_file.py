"""Read the file of a job: JSON lines with one note each, all of them checked before any is stored."""

from dataclasses import dataclass

from pydantic import ValidationError

from app.errors import InvalidLine
from app.jobs.schemas import JobLine
from app.json_size import MOST_TOKENS, is_larger
from app.problem_table import field_problem
from model.errors import InvalidNote, InvalidOption
from model.text.note_text import check_note

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOTHING_STORED = "fix the line and send the file again; nothing was stored"


@dataclass(frozen=True)
class LineLimits:
    """Limits of a job's file and of its lines."""

    max_items: int
    max_characters: int
    max_top_k: int
    max_bytes: int
    """Of one line: parsing 50 MB as one object takes a gigabyte and blocks the interpreter for seconds."""


def read_job_file(body: bytes, limits: LineLimits) -> list[JobLine]:
    """The notes in the order of the file; each line is a JSON object (:class:`JobLine`) and ends with a line feed.

    Policies, systems and subtrees of codes are checked later, when the note is coded.

    Raises:
        InvalidOption: the file holds no note or too many.
        InvalidLine: names the first line that cannot be used, without its content.
    """
    seen: dict[str, int] = {}
    notes = []
    for number, line in enumerate(_lines(body, limits.max_items), start=1):
        if len(line) > limits.max_bytes:
            raise InvalidLine(
                f"line {number}", f"has {len(line)} bytes, the limit is {limits.max_bytes}", NOTHING_STORED
            )
        if is_larger(line):
            raise InvalidLine(
                f"line {number}", f"has more than {MOST_TOKENS} strings, commas and brackets", NOTHING_STORED
            )
        note = _parsed(number, line)
        _require_usable(number, note, limits)
        if note.id in seen:
            raise InvalidLine(f"line {number}, id", f"is that of line {seen[note.id]} too", NOTHING_STORED)
        seen[note.id] = number
        notes.append(note)
    return notes


def _lines(body: bytes, most: int) -> list[bytes]:
    """The lines without blank ones at the end; counted before splitting, because millions of them take a gigabyte."""
    body = body.removeprefix(BYTE_ORDER_MARK).rstrip()
    if not body:
        raise InvalidOption("the file holds no note: send one JSON object for each line, with an id and a text")
    count = body.count(b"\n") + 1
    if count > most:
        raise InvalidOption(f"the file has {count} lines, the limit is {most}: send it as several jobs")
    return body.split(b"\n")


def _parsed(number: int, line: bytes) -> JobLine:
    try:
        return JobLine.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        problem = field_problem(first)
    # Raised outside of the except block: the error of pydantic can hold parts of the line.
    if first["type"] in ("json_invalid", "model_type"):
        raise InvalidLine(f"line {number}", "is no JSON object in UTF-8", NOTHING_STORED)
    place = "" if problem.field == "body" else f", {problem.field}"
    raise InvalidLine(f"line {number}{place}", _as_predicate(problem.problem), NOTHING_STORED)


def _as_predicate(problem: str) -> str:
    """Our own messages can follow the field's name; those of pydantic are sentences and go in parentheses."""
    return problem if problem.startswith(("is ", "has ")) else f"cannot be used ({problem})"


def _require_usable(number: int, note: JobLine, limits: LineLimits) -> None:
    found = None
    try:
        check_note(note.text, limits.max_characters)
    except InvalidNote as error:
        found = str(error)
    if found is not None:
        raise InvalidLine(f"line {number}, text", f"cannot be coded ({found})", NOTHING_STORED)
    if note.top_k > limits.max_top_k:
        raise InvalidLine(f"line {number}, top_k", f"is {note.top_k}, the limit is {limits.max_top_k}", NOTHING_STORED)
