"""The table of reviewed notes as a file, made by somebody with access to the database itself."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Engine

from app.access_log.chain import COMMAND_LINE, Entry
from app.access_log.journal import write_entry
from app.db import database_errors, require_current
from app.reviews.repository import reviewed_note_ids
from app.reviews.table import chosen_system, table_lines
from model.errors import OutputExists, UnwritableOutput
from model.progress import with_progress


def export_reviews(engine: Engine, out: Path, system: str | None, with_text: bool) -> int:
    """Write the table and its row in the access log; the number of notes.

    Raises:
        InvalidOption: see :func:`app.reviews.table.chosen_system`.
        OutputExists, UnwritableOutput: the file.
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database.
    """
    if out.exists():
        raise OutputExists(f"'{out}' is there already: remove it or choose another --out")
    require_current(engine)
    with database_errors(engine.url), engine.connect() as connection:
        chosen = chosen_system(connection, system)
        note_ids = reviewed_note_ids(connection)
    write_entry(engine, Entry(COMMAND_LINE, "export-reviews", note_ids))
    lines = table_lines(engine, note_ids, chosen, with_text)
    _write(out, with_progress(lines, "export", len(note_ids) + 1, "note"))
    return len(note_ids)


def _write(out: Path, lines: Iterable[str]) -> None:
    """Beside, then renamed; only its owner can read it."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as folder:
            staged = Path(folder) / "staged"
            with staged.open("x", encoding="utf-8", newline="") as file:
                staged.chmod(0o600)
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            staged.rename(out)
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write '{out}' ({error.strerror}): free some room, mend its permissions or choose another --out"
        ) from None
