"""The queries of the neighbour search; every function runs inside the caller's transaction."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, func, select

from app.tables import AssignedCode, Bundle, Embedding, Note, Patient
from model.icd import Code


class Generation(NamedTuple):
    """Identifies the set of embeddings: rows are only inserted and deleted, and no id is given twice."""

    rows: int
    highest_id: int


class StoredNote(NamedTuple):
    """A stored note as the service needs it."""

    note_id: str
    subject_id: str | None
    text: str | None


class AssignedTitle(NamedTuple):
    """An assigned code with its title."""

    code: Code
    title: str


def generation(connection: Connection, embedding_id: str) -> Generation:
    """The present generation of the embeddings of one embedding id."""
    query = select(func.count(), func.coalesce(func.max(Embedding.id), 0))
    count, highest = connection.execute(query.where(Embedding.embedding_id == embedding_id)).one()
    return Generation(count, highest)


def read_embeddings(connection: Connection, embedding_id: str) -> Iterator[Row[str, str, str | None, bytes]]:
    """Rows (note_id, split, subject_id, vector) ordered by note_id."""
    query = (
        select(Note.note_id, Note.split, Patient.subject_id, Embedding.vector)
        .join(Note, Embedding.note_id == Note.id)
        .outerjoin(Patient, Note.patient_id == Patient.id)
        .where(Embedding.embedding_id == embedding_id)
        .order_by(Note.note_id)
    )
    yield from connection.execute(query, execution_options={"yield_per": 1024})


def embedding_ids(connection: Connection) -> set[str]:
    """The embedding ids of the bundles that have indexed here."""
    return set(connection.scalars(select(Bundle.embedding_id).distinct()))


def stored_note(connection: Connection, note_id: str) -> StoredNote | None:
    """A note with its patient and text, or None."""
    query = (
        select(Note.note_id, Patient.subject_id, Note.text)
        .outerjoin(Patient, Note.patient_id == Patient.id)
        .where(Note.note_id == note_id)
    )
    row = connection.execute(query).one_or_none()
    return StoredNote(*row) if row is not None else None


def assigned_codes(connection: Connection, note_ids: Sequence[str]) -> dict[str, list[AssignedTitle]]:
    """The codes of each note in order of priority."""
    query = (
        select(Note.note_id, AssignedCode.system, AssignedCode.code, AssignedCode.title)
        .join(AssignedCode, AssignedCode.note_id == Note.id)
        .where(Note.note_id.in_(note_ids))
        .order_by(Note.note_id, AssignedCode.sequence)
    )
    codes: dict[str, list[AssignedTitle]] = {note_id: [] for note_id in note_ids}
    for note_id, system, code, title in connection.execute(query):
        codes[note_id].append(AssignedTitle(Code(system, code), title))
    return codes


def text_starts(connection: Connection, note_ids: Sequence[str], length: int) -> dict[str, str]:
    """The first ``length`` characters of the notes whose text is stored."""
    query = select(Note.note_id, func.substr(Note.text, 1, length)).where(
        Note.note_id.in_(note_ids), Note.text.is_not(None)
    )
    return dict(connection.execute(query).all())
