"""The queries of ``verify-index``; every function runs inside the caller's transaction."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, func, select

from app.database.tables import AssignedCode, Bundle, Coding, Embedding, Note, RankedCode
from app.neighbours.repository import assigned_codes
from model.code_vectors import CodeVector
from model.icd import Code

BATCH = 500


class StoredText(NamedTuple):
    """A stored text with the hash of the text that was stored."""

    note_id: str
    text: str
    text_hash: str


class StoredVector(NamedTuple):
    """An embedding with the dimension that its row states."""

    note_id: str
    dimension: int
    vector: np.ndarray
    """(D,) float16."""


class StoredCodes(NamedTuple):
    """A note as its codes, with its assigned ones."""

    note_id: str
    vector: CodeVector | None
    predicted: bool
    assigned: Sequence[Code]


def file_is_damaged(connection: Connection) -> bool:
    """Whether SQLite finds damage in its file."""
    return any(line != "ok" for line in connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars())


def broken_references(connection: Connection) -> list[str]:
    """The table of each row of a SQLite file that refers to a row that is not there."""
    return [row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check")]


def count_notes(connection: Connection) -> int:
    """How many notes are stored."""
    return connection.scalar(select(func.count()).select_from(Note)) or 0


def notes_without_embedding(connection: Connection) -> list[str]:
    """Notes that no bundle has embedded."""
    embedded = select(Embedding.id).where(Embedding.note_id == Note.id).exists()
    return list(connection.scalars(select(Note.note_id).where(~embedded)))


def notes_with_gaps_in_codes(connection: Connection) -> list[str]:
    """Notes whose assigned codes are not numbered 1, 2, 3, ..."""
    gaps = (
        select(AssignedCode.note_id)
        .group_by(AssignedCode.note_id)
        .having((func.min(AssignedCode.sequence) != 1) | (func.max(AssignedCode.sequence) != func.count()))
    )
    return list(connection.scalars(select(Note.note_id).where(Note.id.in_(gaps))))


def notes_with_gaps_in_codings(connection: Connection) -> list[str]:
    """Notes with a coding whose codes are not ranked 1, 2, 3, ..."""
    gaps = (
        select(RankedCode.coding_id)
        .group_by(RankedCode.coding_id)
        .having((func.min(RankedCode.rank) != 1) | (func.max(RankedCode.rank) != func.count()))
    )
    notes = select(Coding.note_id).where(Coding.id.in_(gaps))
    return list(connection.scalars(select(Note.note_id).where(Note.id.in_(notes))))


def stored_texts(connection: Connection) -> Iterator[StoredText]:
    """The notes whose text is stored."""
    query = select(Note.note_id, Note.text, Note.text_hash).where(Note.text.is_not(None))
    for note_id, text, text_hash in connection.execute(query, execution_options={"yield_per": 256}):
        yield StoredText(note_id, text or "", text_hash)


def bundle_dimensions(connection: Connection) -> dict[str, set[int]]:
    """The dimensions that bundles state for each embedding id."""
    found: dict[str, set[int]] = {}
    for embedding_id, dimension in connection.execute(select(Bundle.embedding_id, Bundle.dimension)):
        found.setdefault(embedding_id, set()).add(dimension)
    return found


def embedding_ids(connection: Connection) -> list[str]:
    """The embedding ids of which there are rows."""
    return list(connection.scalars(select(Embedding.embedding_id).distinct()))


def stored_vectors(connection: Connection, embedding_id: str) -> Iterator[StoredVector]:
    """Every embedding of one embedding id."""
    query = (
        select(Note.note_id, Embedding.dimension, Embedding.vector)
        .join(Note, Embedding.note_id == Note.id)
        .where(Embedding.embedding_id == embedding_id)
    )
    for row in connection.execute(query, execution_options={"yield_per": 1024}):
        yield StoredVector(*row)


def stored_codes(connection: Connection, embedding_id: str) -> Iterator[StoredCodes]:
    """The codes of every embedding of one embedding id."""
    query = (
        select(Embedding.id, Note.note_id, Embedding.codes, Embedding.codes_predicted)
        .join(Note, Embedding.note_id == Note.id)
        .where(Embedding.embedding_id == embedding_id)
        .order_by(Embedding.id)
        .limit(BATCH)
    )
    last = 0
    while rows := connection.execute(query.where(Embedding.id > last)).all():
        codes = assigned_codes(connection, [row.note_id for row in rows])
        for row in rows:
            assigned = [each.code for each in codes[row.note_id]]
            yield StoredCodes(row.note_id, row.codes, row.codes_predicted, assigned)
        last = rows[-1].id


def vector_in_row(connection: Connection, row: int) -> tuple[str, np.ndarray]:
    """The note and the vector (D,) float16 in one row of the embeddings."""
    query = select(Note.note_id, Embedding.vector).join(Note, Embedding.note_id == Note.id)
    note_id, vector = connection.execute(query.where(Embedding.id == row)).one()
    return note_id, vector
