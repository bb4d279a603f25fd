"""The table of reviewed notes as a file, made by somebody with access to the database itself."""

from pathlib import Path

from sqlalchemy import Engine

from app.access_log.chain import COMMAND_LINE, Entry
from app.access_log.journal import write_entry
from app.database.engine import read, require_current
from app.reviews.repository import reviewed_note_ids
from app.reviews.table import chosen_system, table_lines
from model.atomic_output import require_no_file, staged_file
from model.progress import with_progress


def export_reviews(engine: Engine, out: Path, system: str | None, with_text: bool) -> int:
    """Write the table and its row in the access log; the number of notes.

    Raises:
        InvalidOption: see :func:`app.reviews.table.chosen_system`.
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
    with staged_file(out) as file:
        for line in with_progress(lines, "export", len(note_ids) + 1, "note"):
            file.write(line.encode())
    return len(note_ids)
