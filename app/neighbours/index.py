"""The neighbour search over a database, on either engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, Engine

from app.database.engine import database_name, is_sqlite, open_service_database, read
from app.database.shown_url import shown_url
from app.neighbours import repository
from app.neighbours.postgresql_candidates import InServerSource
from app.neighbours.repository import StoredNote
from app.neighbours.search import CandidateSource, Excluded, Hit, SearchQuery, require_dimension, search
from app.neighbours.sqlite_candidates import InProcessSource
from icd_coder_client.answer import CodeTitle
from icd_coder_client.neighbours import Neighbour
from model.code_vectors import CodeVector
from model.errors import EmbeddingMismatch
from model.icd import Code
from model.stage_timing import stage

SNIPPET_CHARACTERS = 200


class StoredEmbedding(NamedTuple):
    """A stored note and its vector (D,) float16, None where this embedding id has not indexed it."""

    note: StoredNote
    vector: np.ndarray | None
    codes: CodeVector | None
    """Its assigned codes, or what a bundle has predicted; None where neither is stored."""
    codes_predicted: bool


@dataclass(frozen=True)
class NeighbourIndex:
    """Neighbours among the notes that one embedding id has indexed; safe to use from many threads."""

    engine: Engine
    embedding_id: str
    dimension: int
    source: CandidateSource

    def find(self, query: SearchQuery, k: int, excluded: Excluded) -> list[Neighbour]:
        """The k most similar notes with their codes, all from one state of the database.

        Raises:
            EmbeddingMismatch: the query has another dimension.
            DatabaseUnavailable: the database cannot be read.
        """
        require_dimension(query.text, self.dimension)
        with stage("neighbours"), read(self.engine) as connection:
            hits = search(self.source, connection, query, k, excluded)
            return _with_codes(connection, hits, query.reads_codes)

    def stored(self, note_id: str) -> StoredEmbedding | None:
        """A stored note by its id, or None."""
        with read(self.engine) as connection:
            note = repository.stored_note(connection, note_id)
            if note is None:
                return None
            found = repository.vectors_of(connection, self.embedding_id, note_id)
            return StoredEmbedding(note, None, None, False) if found is None else StoredEmbedding(note, *found)

    def assigned(self, note_id: str) -> list[Code]:
        """The codes that human coders gave a stored note, in order of priority."""
        with read(self.engine) as connection:
            return [each.code for each in repository.assigned_codes(connection, [note_id])[note_id]]

    def check(self) -> None:
        """Read a little.

        Raises:
            DatabaseUnavailable: the database cannot be read.
        """
        with read(self.engine) as connection:
            repository.state(connection)
            repository.highest_embedding(connection, self.embedding_id)


def open_index(url: str, embedding_id: str, dimension: int) -> NeighbourIndex:
    """The neighbour search over a database that is there, current, and indexed with this embedding id.

    Raises:
        InvalidOption, MissingInput, DatabaseOutOfStep, DatabaseUnavailable, EmbeddingMismatch: unusable.
    """
    return index_on(open_service_database(url), embedding_id, dimension)


def index_on(engine: Engine, embedding_id: str, dimension: int) -> NeighbourIndex:
    """As :func:`open_index`, over a database that is open already."""
    require_embedding(engine, embedding_id, dimension)
    return NeighbourIndex(engine, embedding_id, dimension, candidate_source(engine, embedding_id, dimension))


def candidate_source(engine: Engine, embedding_id: str, dimension: int) -> CandidateSource:
    """The candidates of the engine: an index in this process beside SQLite, a scan by the server of PostgreSQL."""
    source = InProcessSource if is_sqlite(engine) else InServerSource
    return source(embedding_id, dimension)


def require_embedding(engine: Engine, embedding_id: str, dimension: int) -> None:
    """Raise unless the database is empty or was indexed with this embedding id, among others perhaps.

    Raises:
        EmbeddingMismatch: only bundles with other embeddings have indexed here.
    """
    with read(engine) as connection:
        known = repository.embedding_dimensions(connection)
    if known and embedding_id not in known:
        raise EmbeddingMismatch(
            f"the database '{database_name(engine.url)}' was indexed with the embedding {min(known)[:12]}, this "
            f"bundle has {embedding_id[:12]} in this precision: choose the --precision that it was indexed with, or "
            "add its embeddings with "
            f"`icd-coder index --bundle BUNDLE --data DATA --database {shown_url(engine.url)}`"
        )
    require_same_dimension(engine, known, embedding_id, dimension)


def require_same_dimension(engine: Engine, known: Mapping[str, int], embedding_id: str, dimension: int) -> None:
    """Raise EmbeddingMismatch where the embedding id is known with another dimension."""
    if known.get(embedding_id, dimension) != dimension:
        raise EmbeddingMismatch(
            f"the database '{database_name(engine.url)}' holds embeddings of {known[embedding_id]} values under "
            f"{embedding_id[:12]}, this bundle makes {dimension}: use the bundle that has indexed it, or a new database"
        )


def _with_codes(connection: Connection, hits: list[Hit], by_codes: bool) -> list[Neighbour]:
    note_ids = [hit.note_id for hit in hits]
    codes = repository.assigned_codes(connection, note_ids)
    snippets = repository.text_starts(connection, note_ids, SNIPPET_CHARACTERS)
    return [
        Neighbour(
            note_id=hit.note_id,
            similarity=hit.similarity,
            codes=[CodeTitle(system=code.system, code=code.code, title=title) for code, title in codes[hit.note_id]],
            snippet=snippets.get(hit.note_id),
            text_similarity=hit.text_similarity if by_codes else None,
            code_similarity=hit.code_similarity,
            codes_predicted=None if hit.code_similarity is None else hit.codes_predicted,
        )
        for hit in hits
    ]
