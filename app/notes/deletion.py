"""Deleting a note with everything that hangs on it, and the proof of it."""

from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select

from app.access_log.chain import COMMAND_LINE, Entry, append
from app.database.engine import database_errors, is_sqlite, writing
from app.database.tables import AssignedCode, Coding, Embedding, Note, Patient, RankedCode, Review, ReviewAction
from app.errors import DatabaseUnavailable, UnknownNote


class Deleted(NamedTuple):
    """Rows that went with a note."""

    codes: int
    embeddings: int
    codings: int
    reviews: int


def delete_note(engine: Engine, note_id: str, entry: Entry | None = None) -> Deleted:
    """Delete a note, its codes, its embeddings of every bundle, its codings and reviews, and its patient if it was the
    last.

    The access log keeps its id and who deleted it: ``entry``, or somebody at the command line.

    Counted before and after in the one transaction. In SQLite the bytes themselves are overwritten, in the file and
    in its write-ahead log; PostgreSQL overwrites them when it vacuums.

    Raises:
        UnknownNote: no such note.
        DatabaseUnavailable: the database cannot be written, or rows were left: nothing was deleted.
    """
    with database_errors(engine.url), writing(engine).begin() as connection:
        found = connection.execute(select(Note.id, Note.patient_id).where(Note.note_id == note_id)).one_or_none()
        if found is None:
            raise UnknownNote("no note is stored under this note_id: see the note_id of an answer")
        note, patient = found
        before = _count(connection, note)
        connection.execute(delete(Note).where(Note.id == note))
        if patient is not None:
            others = select(Note.id).where(Note.patient_id == patient)
            connection.execute(delete(Patient).where(Patient.id == patient, ~others.exists()))
        left = _count(connection, note)
        if left != Deleted(0, 0, 0, 0):
            raise DatabaseUnavailable(
                f"deleting '{note_id}' would leave rows behind ({left.codes} codes, {left.embeddings} embeddings, "
                f"{left.codings} codings, {left.reviews} reviews), so nothing was deleted: run `icd-coder verify-index`"
            )
        append(connection, entry or Entry(COMMAND_LINE, "delete note", [note_id]))
    wipe_log(engine)
    return before


def _count(connection: Connection, note: int) -> Deleted:
    tables = (AssignedCode, Embedding, Coding, Review)
    codes, embeddings, codings, reviews = (
        connection.scalar(select(func.count()).select_from(table).where(table.note_id == note)) or 0 for table in tables
    )
    ranked = select(func.count()).select_from(RankedCode).where(RankedCode.coding_id.not_in(select(Coding.id)))
    steps = select(func.count()).select_from(ReviewAction).where(ReviewAction.review_id.not_in(select(Review.id)))
    return Deleted(
        codes,
        embeddings,
        codings + (connection.scalar(ranked) or 0),
        reviews + (connection.scalar(steps) or 0),
    )


def wipe_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log of what was deleted; a reader may delay it to the next checkpoint.

    Outside a transaction, which ``engine.connect()`` would begin.
    """
    if not is_sqlite(engine):
        return
    with database_errors(engine.url):
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()
