"""PostgreSQL's search is exact, whatever indexes the table has."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Engine, text

from app.database.engine import open_engine, write
from app.neighbours.postgresql_candidates import InServerSource
from app.neighbours.search import Excluded, SearchQuery, search
from tests.app.neighbours.stores import EMBEDDING_ID, fill, unit_rows
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer

DIMENSION, ROWS = 24, 2000
HNSW = (
    f"CREATE INDEX hnsw_embeddings ON embeddings USING hnsw ((vector::halfvec({DIMENSION})) halfvec_cosine_ops) "
    f"WITH (m = 16, ef_construction = 128) WHERE embedding_id = '{EMBEDDING_ID}'"
)
"""As `index --approximate` of version 0.1 made it."""


@pytest.fixture
def engine(postgres: PostgresServer, template: str) -> Iterator[Engine]:
    """A filled database of a server."""
    url = postgres.new_database(f"TEMPLATE {template}")
    with disposed_engines():
        engine = open_engine(url)
        fill(engine, unit_rows(ROWS, 1, DIMENSION))
        yield engine
    postgres.drop_database(url)


def test_an_approximate_index_changes_no_answer(engine: Engine) -> None:
    """A database that has an HNSW index is searched exactly, even where the planner would like to use the index."""
    query = unit_rows(ROWS, 1, DIMENSION)[5]
    source = InServerSource(EMBEDDING_ID, DIMENSION)
    with engine.connect() as connection:
        before = search(source, connection, SearchQuery(query), 20, Excluded())
    with write(engine) as connection:
        connection.execute(text(HNSW))
        connection.execute(text("UPDATE embeddings SET vector = vector WHERE note_id = 6"))
        connection.execute(text("SET LOCAL enable_sort = off"))  # for few rows sorting them all can be cheaper
        after = search(source, connection, SearchQuery(query), 20, Excluded())
    assert before == after
    assert before[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert np.isfinite([hit.similarity for hit in after]).all()
