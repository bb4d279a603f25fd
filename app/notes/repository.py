"""The query for one stored note."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from app.database.tables import Note


class NoteRow(NamedTuple):
    """A note without its codes."""

    source: str
    stored_at: datetime | None
    text: str | None


def note_row(connection: Connection, note_id: str) -> NoteRow | None:
    """A note, or None."""
    query = select(Note.source, Note.stored_at, Note.text).where(Note.note_id == note_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else NoteRow(*row)
