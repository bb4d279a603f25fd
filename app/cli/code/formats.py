"""The output formats of ``icd-coder code``."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # the command line needs the names of the formats for its --help, which must be fast
    from app.cli.code.local import Write
    from app.cli.code.note_files import NoteFile
    from app.coding.schemas import PredictAnswer


class Format(StrEnum):
    """How answers are written to standard output."""

    TABLE = "table"
    JSONL = "jsonl"
    CODIESP = "codiesp"


def writer(output: Format, with_neighbours: bool) -> Write:
    """The function that writes one answer."""
    if output is Format.JSONL:
        return _write_json_line
    if output is Format.CODIESP:
        return _write_codiesp
    return _table_writer(with_neighbours)


def _write_json_line(note: NoteFile, _text: str, answer: PredictAnswer) -> None:
    """One object a note: its id, then the fields of the REST answer; in ASCII.

    So it is valid in every terminal's encoding, and no letter of a note (U+2028, U+0085) ends a line for a reader.
    """
    fields = {"id": note.note_id, **answer.model_dump(exclude_none=True)}
    typer.echo(json.dumps(fields))


def _write_codiesp(note: NoteFile, _text: str, answer: PredictAnswer) -> None:
    """``id<TAB>code`` in lower case, best first: what the shared task's evaluation reads."""
    for code in answer.codes:
        typer.echo(f"{note.note_id}\t{code.code.lower()}")


def _table_writer(with_neighbours: bool) -> Write:
    from app.cli.code.terminal import make_console, render

    console = make_console()

    def write(note: NoteFile, text: str, answer: PredictAnswer) -> None:
        console.print(render(note.name, text, answer, with_neighbours))

    return write
