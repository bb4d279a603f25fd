"""The reviewed notes as a CSV table that ``icd-coder prepare table`` reads.

Codes are text: every cell is quoted, so that no reader has a reason to take 038.9 for a number.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, Engine

from app.access_log.hash_chain import COMMAND_LINE, Entry
from app.access_log.journal import write_entry
from app.database.engine import read, require_current
from app.reviews.repository import current_codes, reviewed_note_ids, reviewed_notes, systems_of_reviewed
from app.wire import plain_cell
from model.atomic_output import require_no_file, staged_file
from model.errors import InvalidOption
from model.progress import with_progress

COLUMNS = ("note_id", "subject_id", "codes")
TEXT = "text"
SEPARATOR = ";"
BATCH = 100
"""Notes that are held in memory together."""


def chosen_system(connection: Connection, system: str | None) -> str | None:
    """The system whose codes the table holds; None where no note was reviewed.

    Raises:
        InvalidOption: none is named, and there are several.
    """
    if system is not None:
        return system
    found = systems_of_reviewed(connection)
    if len(found) > 1:
        raise InvalidOption(f"the reviewed notes have codes of {', '.join(found)}: name one system, a table holds one")
    return found[0] if found else None


def table_lines(engine: Engine, note_ids: Sequence[str], system: str | None, with_text: bool) -> Iterator[str]:
    """The table in parts: a header, then a row a note with its id, its patient, its codes and perhaps its text.

    A note without a patient is a patient of its own, so that ``--subject subject_id`` can always be given. Each batch
    is read in a transaction of its own, so that a slow or lost client keeps none open; a note that is deleted meanwhile
    is left out.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    yield _line([*COLUMNS, TEXT] if with_text else COLUMNS)
    left = iter(note_ids)
    while batch := list(islice(left, BATCH)):
        with read(engine) as connection:
            notes = reviewed_notes(connection, batch, with_text)
            codes = current_codes(connection, notes)
        for note in notes:
            own = SEPARATOR.join(code.code for code in codes[note.note_id] if code.system == system)
            cells = [note.note_id, note.subject_id or note.note_id, own]
            yield _line([*cells, note.text or ""] if with_text else cells)


def export_reviews(engine: Engine, out: Path, system: str | None, with_text: bool) -> int:
    """Write the table into a file that only its owner may read, and a row of the access log; the number of notes.

    Raises:
        InvalidOption: see :func:`chosen_system`.
        OutputExists, UnwritableOutput: the file.
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database.
    """
    require_no_file(out)
    require_current(engine)
    with read(engine) as connection:
        chosen = chosen_system(connection, system)
        note_ids = reviewed_note_ids(connection)
    write_entry(engine, Entry(COMMAND_LINE, "export-reviews", note_ids))
    lines = table_lines(engine, note_ids, chosen, with_text)
    written = -1  # the header is no note
    with staged_file(out) as file:
        for line in with_progress(lines, "export", len(note_ids) + 1, "note"):
            file.write(line.encode())
            written += 1
    return written


def _line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(map(plain_cell, cells))
    return line.getvalue()
