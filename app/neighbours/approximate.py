"""PostgreSQL's HNSW index: by choice only, and only where it finds what the exact search finds.

Builders of such indexes were seen to lose 9 to 86 vectors of 52,722 without a word.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import structlog
from sqlalchemy import Connection, Engine, select, text

from app.database.engine import database_errors, is_sqlite, writing
from app.database.tables import Embedding
from app.neighbours import repository
from app.neighbours.in_process import InProcessSource
from app.neighbours.in_server import InServerSource
from app.neighbours.search import CandidateSource, Filters, search
from model.errors import InvalidOption

SAMPLE = 200
DEPTH = 10
MINIMUM_RECALL = 0.98
SELF_SIMILARITY = 0.999


class Gate(NamedTuple):
    """What a sample of stored rows found through the index."""

    sampled: int
    lost: int
    """Rows that did not find themselves, or a note equal to them, at rank 1."""
    recall: float
    """Share of the exact ten nearest that the index found."""

    @property
    def passed(self) -> bool:
        return self.lost == 0 and self.recall >= MINIMUM_RECALL


def build_approximate_index(engine: Engine, embedding_id: str, dimension: int) -> None:
    """Build the HNSW index over the rows of one embedding id, anew where there is one.

    Raises:
        InvalidOption: the database is SQLite, which searches in this process.
        DatabaseUnavailable: the database cannot be written.
    """
    require_server(engine)
    name = index_name(embedding_id)
    with database_errors(engine.url), writing(engine).execution_options(icd_coder_migrates=True).begin() as connection:
        connection.execute(text(f'DROP INDEX IF EXISTS "{name}"'))
        # DDL takes no parameters: the name is made of hexadecimal digits, the dimension is a number.
        connection.execute(
            text(
                f'CREATE INDEX "{name}" ON embeddings '
                f"USING hnsw ((vector::halfvec({int(dimension)})) halfvec_cosine_ops) "
                f"WITH (m = 16, ef_construction = 128) WHERE embedding_id = '{_digits(embedding_id)}'"
            )
        )


def require_server(engine: Engine) -> None:
    """Raise InvalidOption for SQLite."""
    if is_sqlite(engine):
        raise InvalidOption("--approximate needs PostgreSQL: leave it out, the exact search beside SQLite is fast")


def checked_source(engine: Engine, embedding_id: str, dimension: int) -> CandidateSource:
    """The approximate search where it passes the gate, else the exact one and a warning in the log."""
    log = structlog.get_logger()
    if is_sqlite(engine):
        log.warning("approximate search needs PostgreSQL: the search is exact")
        return InProcessSource(embedding_id, dimension)
    with database_errors(engine.url), engine.connect() as connection:
        if not _is_built(connection, embedding_id):
            log.warning("no approximate index (`icd-coder index --approximate` builds it): the search is exact")
            return InServerSource(embedding_id, dimension)
        gate = examine(connection, embedding_id, dimension)
    if not gate.passed:
        log.warning("the approximate index loses notes: the search is exact", **gate._asdict())
        return InServerSource(embedding_id, dimension)
    log.info("the approximate index is used", **gate._asdict())
    return InServerSource(embedding_id, dimension, approximate=True)


def examine(connection: Connection, embedding_id: str, dimension: int) -> Gate:
    """Let a sample of stored rows, evenly spread over their ids, search for themselves both ways."""
    exact = InServerSource(embedding_id, dimension)
    approximate = InServerSource(embedding_id, dimension, approximate=True)
    vectors = _sample(connection, embedding_id)
    lost, found, wanted = 0, 0, 0
    for vector in vectors:
        expected = {hit.note_id for hit in search(exact, connection, vector, DEPTH, Filters())}
        hits = search(approximate, connection, vector, DEPTH, Filters())
        lost += not hits or hits[0].similarity < SELF_SIMILARITY
        found += len(expected & {hit.note_id for hit in hits})
        wanted += len(expected)
    return Gate(len(vectors), lost, found / wanted if wanted else 1.0)


def index_name(embedding_id: str) -> str:
    """Name of the HNSW index of an embedding id."""
    return f"hnsw_embeddings_{_digits(embedding_id)[:16]}"


def _digits(embedding_id: str) -> str:
    if not embedding_id.isalnum():
        raise InvalidOption(
            f"the embedding id '{embedding_id}' is no hexadecimal number: use a bundle as `train` wrote it"
        )
    return embedding_id


def _is_built(connection: Connection, embedding_id: str) -> bool:
    query = text("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname = :name")
    return bool(connection.scalar(query, {"name": index_name(embedding_id)}))


def _sample(connection: Connection, embedding_id: str) -> Sequence[np.ndarray]:
    rows = repository.embedding_rows(connection, embedding_id, repository.highest_embedding(connection, embedding_id))
    if len(rows) > SAMPLE:
        rows = rows[np.linspace(0, len(rows) - 1, SAMPLE).round().astype(int)]
    return connection.scalars(select(Embedding.vector).where(Embedding.id.in_(rows.tolist()))).all()
