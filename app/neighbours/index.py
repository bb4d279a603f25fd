"""The neighbour search over a database: a snapshot that follows the rows."""

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, Engine

from app.db import database_errors, open_engine, require_current
from app.neighbours import repository
from app.neighbours.repository import Generation, StoredNote
from app.neighbours.schemas import CodeTitle, Neighbour
from app.neighbours.search import Filters, Hit, search
from app.neighbours.snapshot import Snapshot, build_snapshot
from model.errors import EmbeddingMismatch

SNIPPET_CHARACTERS = 200


class StoredEmbedding(NamedTuple):
    """A stored note and its vector (D,) float32, None where this embedding id has not indexed it."""

    note: StoredNote
    vector: np.ndarray | None


@dataclass
class NeighbourIndex:
    """Exact neighbours among the notes that one embedding id has indexed; safe to use from many threads."""

    engine: Engine
    embedding_id: str
    dimension: int
    _snapshot: Snapshot | None = field(default=None, init=False, repr=False)
    _refreshing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def find(self, query: np.ndarray, k: int, filters: Filters) -> list[Neighbour]:
        """The k most similar notes with their codes, all from one state of the database.

        Shape:
            query: (D,)

        Raises:
            DatabaseUnavailable: the database cannot be read.
        """
        with database_errors(str(self.engine.url)), self.engine.connect() as connection:
            hits = search(self._current(connection), query, k, filters)
            return _with_codes(connection, hits)

    def stored(self, note_id: str) -> StoredEmbedding | None:
        """A stored note by its id, or None."""
        with database_errors(str(self.engine.url)), self.engine.connect() as connection:
            note = repository.stored_note(connection, note_id)
            if note is None:
                return None
            snapshot = self._current(connection)
        row = snapshot.row(note_id)
        return StoredEmbedding(note, None if row is None else snapshot.matrix[row])

    def generation(self) -> Generation:
        """The present generation; its rows are the number of notes that can be found.

        Raises:
            DatabaseUnavailable: the database cannot be read.
        """
        with database_errors(str(self.engine.url)), self.engine.connect() as connection:
            return repository.generation(connection, self.embedding_id)

    def _current(self, connection: Connection) -> Snapshot:
        """The snapshot of the transaction's state; read anew only when rows came or went."""
        generation = repository.generation(connection, self.embedding_id)
        snapshot = self._snapshot
        if snapshot is not None and snapshot.generation == generation:
            return snapshot
        with self._refreshing:
            snapshot = self._snapshot  # another thread may have read the same state meanwhile
            if snapshot is None or snapshot.generation != generation:
                rows = repository.read_embeddings(connection, self.embedding_id)
                snapshot = build_snapshot(rows, generation, self.dimension)
                self._snapshot = snapshot
        return snapshot


def open_index(url: str, embedding_id: str, dimension: int) -> NeighbourIndex:
    """The neighbour search over a database that is there, current, and indexed with this embedding id.

    Raises:
        InvalidOption, MissingInput, DatabaseOutOfStep, DatabaseUnavailable, EmbeddingMismatch: unusable.
    """
    engine = open_engine(url)
    require_current(engine)
    require_embedding(engine, embedding_id)
    return NeighbourIndex(engine, embedding_id, dimension)


def require_embedding(engine: Engine, embedding_id: str) -> None:
    """Raise unless the database is empty or was indexed with this embedding id.

    Raises:
        EmbeddingMismatch: only bundles with other embeddings have indexed here.
    """
    url = str(engine.url)
    with database_errors(url), engine.connect() as connection:
        known = repository.embedding_ids(connection)
    if known and embedding_id not in known:
        raise EmbeddingMismatch(
            f"the database '{engine.url.database}' was indexed with the embedding {min(known)[:12]}, "
            f"this bundle has {embedding_id[:12]}: index into a new database with "
            "`icd-coder index --bundle BUNDLE --data DATA --database sqlite:///NEW.sqlite3`"
        )


def _with_codes(connection: Connection, hits: list[Hit]) -> list[Neighbour]:
    note_ids = [hit.note_id for hit in hits]
    codes = repository.assigned_codes(connection, note_ids)
    snippets = repository.text_starts(connection, note_ids, SNIPPET_CHARACTERS)
    return [
        Neighbour(
            note_id=hit.note_id,
            similarity=hit.similarity,
            codes=[CodeTitle(system=code.system, code=code.code, title=title) for code, title in codes[hit.note_id]],
            snippet=snippets.get(hit.note_id),
        )
        for hit in hits
    ]
