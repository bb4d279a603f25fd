"""The codes of stored notes as they are now: what was assigned, and every review since."""

from collections.abc import Sequence

from sqlalchemy import Connection

from app.neighbours.repository import assigned_codes
from app.reviews.replay import replay
from app.reviews.repository import ReviewedNote, actions_on
from model.icd import Code


def current_codes(connection: Connection, notes: Sequence[ReviewedNote]) -> dict[str, list[Code]]:
    """The codes of each note in order of priority, by its id; in the caller's transaction."""
    assigned = assigned_codes(connection, [note.note_id for note in notes])
    actions = actions_on(connection, [note.row for note in notes])
    return {note.note_id: replay([each.code for each in assigned[note.note_id]], actions[note.row]) for note in notes}
