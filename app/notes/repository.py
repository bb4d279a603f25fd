"""The queries of notes: reading, storing and deleting them; every function runs inside the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select, update

from app.database.tables import (
    AssignedCode,
    Coding,
    Embedding,
    HashKey,
    Note,
    Patient,
    RankedCode,
    Review,
    ReviewAction,
)
from app.neighbours.repository import AssignedTitle
from model.code_vectors import CodeVector
from model.icd import Code


class NoteRow(NamedTuple):
    """A note without its codes."""

    source: str
    stored_at: datetime | None
    text: str | None


class StoredDocument(NamedTuple):
    """What the database holds of a document."""

    row: int
    text_hash: str
    has_text: bool
    is_embedded: bool
    """By the embedding id that was asked for."""
    has_codes: bool
    """Beside that embedding, written as a vector."""
    split: str
    subject_id: str | None


class NewNote(NamedTuple):
    """A note that is to be stored, without its codes."""

    note_id: str
    patient_id: int | None
    """Row of the patient."""
    split: str
    source: str
    text: str | None
    text_hash: str
    stored_at: datetime


class CodesOfNote(NamedTuple):
    """A note as its codes."""

    vector: CodeVector | None
    predicted: bool
    """By the bundle, for a note without assigned codes."""


WITHOUT_CODES = CodesOfNote(None, False)


class ChangedNote(NamedTuple):
    """What may change of a note whose text stays."""

    patient_id: int | None
    split: str
    source: str


class Deleted(NamedTuple):
    """Rows that are deleted with a note."""

    codes: int
    embeddings: int
    codings: int
    reviews: int


def note_row(connection: Connection, note_id: str) -> NoteRow | None:
    """A note, or None."""
    query = select(Note.source, Note.stored_at, Note.text).where(Note.note_id == note_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else NoteRow(*row)


def hash_key(connection: Connection) -> bytes:
    """The key under which this database hashes texts."""
    return connection.scalars(select(HashKey.key)).one()


def stored_documents(connection: Connection, note_ids: Sequence[str], embedding_id: str) -> dict[str, StoredDocument]:
    """Those of the notes that are stored, by their ids."""
    own = select(Embedding.id).where(Embedding.note_id == Note.id, Embedding.embedding_id == embedding_id)
    is_stored = (Note.text.is_not(None), own.exists(), own.where(Embedding.codes.is_not(None)).exists())
    columns = (Note.id, Note.text_hash, *is_stored, Note.split, Patient.subject_id)
    query = select(Note.note_id, *columns).outerjoin(Patient, Note.patient_id == Patient.id)
    rows = connection.execute(query.where(Note.note_id.in_(note_ids)))
    return {row[0]: StoredDocument(*row[1:]) for row in rows}


def codes_of(connection: Connection, note: int) -> list[Code]:
    """The assigned codes of a note, given by its row, in order of priority."""
    query = select(AssignedCode.system, AssignedCode.code).where(AssignedCode.note_id == note)
    return [Code(*row) for row in connection.execute(query.order_by(AssignedCode.sequence))]


def patient_row(connection: Connection, subject_id: str | None) -> int | None:
    """Row of a patient, who is added where new; None where no patient is named."""
    if not subject_id:
        return None
    known = connection.scalar(select(Patient.id).where(Patient.subject_id == subject_id))
    if known is not None:
        return known
    return connection.execute(insert(Patient).values(subject_id=subject_id).returning(Patient.id)).scalar_one()


def add_note(connection: Connection, note: NewNote, codes: Iterable[AssignedTitle]) -> int:
    """Store a note with its codes in order of priority; its row."""
    row: int = connection.execute(insert(Note).values(note._asdict()).returning(Note.id)).scalar_one()
    _add_codes(connection, row, codes)
    return row


def change_note(connection: Connection, row: int, changed: ChangedNote, codes: Iterable[AssignedTitle]) -> None:
    """Give a note another patient, split and codes; all of its embeddings are deleted, to be read anew."""
    connection.execute(delete(Embedding).where(Embedding.note_id == row))
    connection.execute(delete(AssignedCode).where(AssignedCode.note_id == row))
    connection.execute(update(Note).where(Note.id == row).values(changed._asdict()))
    _add_codes(connection, row, codes)


def reviews_of(connection: Connection, notes: Sequence[int]) -> dict[int, int]:
    """How many reviews each note has, by its row; a note without one is left out."""
    query = select(Review.note_id, func.count()).where(Review.note_id.in_(notes)).group_by(Review.note_id)
    return dict(connection.execute(query).all())


def _add_codes(connection: Connection, row: int, codes: Iterable[AssignedTitle]) -> None:
    rows = [
        {"note_id": row, "sequence": sequence, "system": each.code.system, "code": each.code.code, "title": each.title}
        for sequence, each in enumerate(codes, start=1)
    ]
    if rows:
        connection.execute(insert(AssignedCode), rows)


def add_text(connection: Connection, note: int, text: str) -> None:
    """Add the text of a note that was stored without it."""
    connection.execute(update(Note).where(Note.id == note).values(text=text))


def add_embedding(
    connection: Connection, note: int, embedding_id: str, vector: np.ndarray, codes: CodesOfNote = WITHOUT_CODES
) -> None:
    """Store the embedding (D,) float16 of a note, and the note as its codes."""
    values = {"note_id": note, "embedding_id": embedding_id, "dimension": len(vector), "vector": vector}
    written = {"codes": codes.vector, "codes_predicted": codes.predicted}
    connection.execute(insert(Embedding).values(**values, **written))


def add_codes(connection: Connection, note: int, embedding_id: str, codes: CodesOfNote) -> None:
    """Store a note as its codes beside its embedding, in a new row: rows are never changed."""
    own = (Embedding.note_id == note, Embedding.embedding_id == embedding_id)
    vector = connection.execute(select(Embedding.vector).where(*own)).scalar_one()
    delete_embedding(connection, note, embedding_id)
    add_embedding(connection, note, embedding_id, vector, codes)


def delete_embedding(connection: Connection, note: int, embedding_id: str) -> None:
    """Delete the embedding of a note that one embedding id has made."""
    connection.execute(delete(Embedding).where(Embedding.note_id == note, Embedding.embedding_id == embedding_id))


def delete_note(connection: Connection, note: int) -> None:
    """Delete a note; the database deletes its codes, embeddings, codings and reviews with it, but not its patient."""
    connection.execute(delete(Note).where(Note.id == note))


def note_and_patient(connection: Connection, note_id: str) -> tuple[int, int | None] | None:
    """Rows of a note and of its patient, None where there is no such note."""
    row = connection.execute(select(Note.id, Note.patient_id).where(Note.note_id == note_id)).one_or_none()
    return None if row is None else (row.id, row.patient_id)


def delete_patient_without_notes(connection: Connection, patient: int) -> None:
    """Delete a patient of whom no note is left."""
    others = select(Note.id).where(Note.patient_id == patient)
    connection.execute(delete(Patient).where(Patient.id == patient, ~others.exists()))


def delete_patients_without_notes(connection: Connection, subject_ids: Iterable[str | None]) -> None:
    """Delete those of the patients of whom no note is left."""
    named = sorted({subject for subject in subject_ids if subject})
    others = select(Note.id).where(Note.patient_id == Patient.id)
    connection.execute(delete(Patient).where(Patient.subject_id.in_(named), ~others.exists()))


def count_rows_of(connection: Connection, note: int) -> Deleted:
    """The rows that belong to a note, and those of codings and reviews that are no longer there."""
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
