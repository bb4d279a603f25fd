"""The queries of the neighbour search; every function runs inside the caller's transaction."""

from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, bindparam, func, select, union

from app.database.sqlite import FILE
from app.database.tables import AssignedCode, Bundle, DatabaseId, Embedding, EmbeddingChanges, Note, Patient
from model.code_vectors import CodeVector
from model.icd import Code

# Made once: building a statement takes longer than running it, and a search runs all of these.
_STATE = select(select(DatabaseId.token).scalar_subquery(), EmbeddingChanges.version)
_NOTES = select(Note.id).where(Note.note_id.in_(bindparam("names", expanding=True)))
_EXCLUDED = union(
    select(Note.id).where(Note.note_id.in_(bindparam("notes", expanding=True))),
    select(Note.id)
    .join(Patient, Note.patient_id == Patient.id)
    .where(Patient.subject_id.in_(bindparam("patients", expanding=True))),
)
_PATIENTS = select(Patient.id).where(Patient.subject_id.in_(bindparam("names", expanding=True)))


class State(NamedTuple):
    """What tells one state of the stored embeddings from all others."""

    database: Hashable
    """The database's random id, and its file where it is one: copies of a file share the id."""
    version: int
    """Rises whenever embeddings come or go."""


class EmbeddingRow(NamedTuple):
    """An embedding with its note and patient."""

    embedding: int
    note: int
    note_id: str
    patient: int | None
    vector: np.ndarray
    """(D,) float16."""
    codes: CodeVector | None = None
    codes_predicted: bool = False


class StoredVectors(NamedTuple):
    """A note as one embedding id has stored it."""

    vector: np.ndarray
    """(D,) float16."""
    codes: CodeVector | None
    codes_predicted: bool


class StoredNote(NamedTuple):
    """A stored note as the service needs it."""

    note_id: str
    subject_id: str | None
    text: str | None


class AssignedTitle(NamedTuple):
    """An assigned code with its title."""

    code: Code
    title: str


def state(connection: Connection) -> State:
    """The state of the embeddings that the transaction sees."""
    token, version = connection.execute(_STATE).one()
    return State((token, connection.info.get(FILE)), version)


def count_embeddings(connection: Connection, embedding_id: str, above: int = 0) -> int:
    """How many rows one embedding id has, with a row id above the given one."""
    return connection.scalar(_of(select(func.count()), embedding_id, above)) or 0


def highest_embedding(connection: Connection, embedding_id: str) -> int:
    """The highest row id of one embedding id, 0 without rows."""
    return connection.scalar(_of(select(func.max(Embedding.id)), embedding_id)) or 0


def read_embeddings(connection: Connection, embedding_id: str, above: int = 0) -> Iterator[EmbeddingRow]:
    """The rows of one embedding id with a row id above the given one, in the order of their row ids."""
    columns = (Note.id, Note.note_id, Note.patient_id, Embedding.vector, Embedding.codes, Embedding.codes_predicted)
    query = select(Embedding.id, *columns).join(Note, Embedding.note_id == Note.id)
    found = connection.execute(
        _of(query, embedding_id, above).order_by(Embedding.id), execution_options={"yield_per": 1024}
    )
    for row in found:
        yield EmbeddingRow(*row)


def embedding_rows(connection: Connection, embedding_id: str, upto: int) -> np.ndarray:
    """(N,) int64: the row ids of one embedding id up to the given one, ascending."""
    query = _of(select(Embedding.id), embedding_id).where(Embedding.id <= upto).order_by(Embedding.id)
    return np.fromiter(connection.scalars(query), dtype=np.int64)


def vectors_of(connection: Connection, embedding_id: str, note_id: str) -> StoredVectors | None:
    """The stored vectors of a note, or None."""
    query = _of(select(Embedding.vector, Embedding.codes, Embedding.codes_predicted), embedding_id)
    found = query.join(Note, Embedding.note_id == Note.id).where(Note.note_id == note_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else StoredVectors(*row)


def embedding_dimensions(connection: Connection) -> dict[str, int]:
    """The embedding ids of the bundles that have indexed here, with their dimensions."""
    return dict(connection.execute(select(Bundle.embedding_id, Bundle.dimension).distinct()).all())


def stored_note(connection: Connection, note_id: str) -> StoredNote | None:
    """A note with its patient and text, or None."""
    query = (
        select(Note.note_id, Patient.subject_id, Note.text)
        .outerjoin(Patient, Note.patient_id == Patient.id)
        .where(Note.note_id == note_id)
    )
    row = connection.execute(query).one_or_none()
    return StoredNote(*row) if row is not None else None


def note_rows(connection: Connection, names: Collection[str]) -> list[int]:
    """Row ids of notes; a name that is not known has none."""
    return list(connection.scalars(_NOTES, {"names": list(names)})) if names else []


def excluded_notes(connection: Connection, names: Collection[str], subject_ids: Collection[str]) -> list[int]:
    """Row ids of these notes and of the notes of these patients."""
    if not names and not subject_ids:
        return []
    return list(connection.scalars(_EXCLUDED, {"notes": list(names), "patients": list(subject_ids)}))


def patient_rows(connection: Connection, subject_ids: Collection[str]) -> list[int]:
    """Row ids of patients; one that is not known has none."""
    return list(connection.scalars(_PATIENTS, {"names": list(subject_ids)})) if subject_ids else []


def assigned_codes(connection: Connection, names: Sequence[str]) -> dict[str, list[AssignedTitle]]:
    """The codes of each note in order of priority."""
    query = (
        select(Note.note_id, AssignedCode.system, AssignedCode.code, AssignedCode.title)
        .join(AssignedCode, AssignedCode.note_id == Note.id)
        .where(Note.note_id.in_(names))
        .order_by(Note.note_id, AssignedCode.sequence)
    )
    codes: dict[str, list[AssignedTitle]] = {name: [] for name in names}
    for name, system, code, title in connection.execute(query):
        codes[name].append(AssignedTitle(Code(system, code), title))
    return codes


def text_starts(connection: Connection, names: Sequence[str], length: int) -> dict[str, str]:
    """The first ``length`` characters of the notes whose text is stored."""
    query = select(Note.note_id, func.substr(Note.text, 1, length)).where(
        Note.note_id.in_(names), Note.text.is_not(None)
    )
    return dict(connection.execute(query).all())


def _of(query: Select[Any], embedding_id: str, above: int = 0) -> Select[Any]:
    query = query.where(Embedding.embedding_id == embedding_id)
    return query.where(Embedding.id > above) if above else query
