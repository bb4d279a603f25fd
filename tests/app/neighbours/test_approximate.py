"""The approximate index is used only where it finds what the exact search finds."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from app.database.engine import migrate, open_engine, writing
from app.neighbours.approximate import build_approximate_index, checked_source, examine, index_name
from app.neighbours.in_process import InProcessSource
from app.neighbours.in_server import InServerSource
from app.neighbours.index import open_index
from app.neighbours.search import Filters, search
from model.errors import InvalidOption
from tests.app.neighbours.stores import EMBEDDING_ID, fill, unit_rows
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer

DIMENSION, ROWS = 24, 2000


@pytest.fixture
def url(postgres: PostgresServer, template: str) -> Iterator[str]:
    """A filled database of a server."""
    url = postgres.new_database(f"TEMPLATE {template}")
    with disposed_engines():
        fill(open_engine(url), unit_rows(ROWS, 1, DIMENSION))
        yield url
    postgres.drop_database(url)


def test_a_sound_index_is_used(url: str, logs: StringIO) -> None:
    """By the planner too; filters do not starve the answer, and rows that come later are found."""
    engine = open_engine(url)
    build_approximate_index(engine, EMBEDDING_ID, DIMENSION)
    source = open_index(url, EMBEDDING_ID, DIMENSION, approximate=True).source
    assert isinstance(source, InServerSource)
    assert source.approximate
    assert "the approximate index is used" in logs.getvalue()
    query = unit_rows(1, 5, DIMENSION)[0]
    rare = Filters(subjects=frozenset({"p4"}), splits=frozenset({"train"}))
    exact = InServerSource(EMBEDDING_ID, DIMENSION)
    with engine.connect() as connection:
        found = {hit.note_id for hit in search(source, connection, query, 50, rare)}
        expected = {hit.note_id for hit in search(exact, connection, query, 50, rare)}
        connection.execute(text("SET LOCAL enable_sort = off"))  # for few rows sorting them all can be cheaper
        scan = "SELECT id FROM embeddings WHERE embedding_id = '{0}' ORDER BY vector::halfvec(24) <=> '{1}' LIMIT 5"
        plan = connection.execute(text("EXPLAIN " + scan.format(EMBEDDING_ID, query.tolist()))).scalars().all()
    assert len(found & expected) >= 49
    assert index_name(EMBEDDING_ID) in "".join(plan)


def test_an_index_that_loses_notes_is_not_used(url: str, logs: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is exact, and the log says why."""
    engine = open_engine(url)
    build_approximate_index(engine, EMBEDDING_ID, DIMENSION)
    whole = InServerSource.nearest

    def lossy(self: InServerSource, connection, query, wanted, filters):  # type: ignore[no-untyped-def]
        if self.approximate:
            filters = Filters(splits=frozenset({"dev"}))
        return whole(self, connection, query, wanted, filters)

    monkeypatch.setattr(InServerSource, "nearest", lossy)
    source = checked_source(engine, EMBEDDING_ID, DIMENSION)
    assert isinstance(source, InServerSource)
    assert not source.approximate
    assert "loses notes: the search is exact" in logs.getvalue()
    with engine.connect() as connection:
        gate = examine(connection, EMBEDDING_ID, DIMENSION)
    assert gate.lost > 50
    assert gate.recall < 0.9
    assert not gate.passed


def test_without_an_index_the_search_is_exact(url: str, logs: StringIO, tmp_path: Path) -> None:
    """With a warning that names the command; beside SQLite too."""
    source = checked_source(open_engine(url), EMBEDDING_ID, DIMENSION)
    assert isinstance(source, InServerSource)
    assert not source.approximate
    assert "icd-coder index --approximate" in logs.getvalue()
    file = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(file)
    engine = open_engine(file)
    assert isinstance(checked_source(engine, EMBEDDING_ID, DIMENSION), InProcessSource)
    assert "approximate search needs PostgreSQL" in logs.getvalue()
    with pytest.raises(InvalidOption, match="--approximate needs PostgreSQL"):
        build_approximate_index(engine, EMBEDDING_ID, DIMENSION)


def test_the_exact_search_never_uses_the_index(url: str) -> None:
    """Also when the planner would like to: an index that finds nothing changes no answer."""
    engine = open_engine(url)
    vectors = unit_rows(ROWS, 1, DIMENSION)
    with engine.connect() as connection:
        before = search(InServerSource(EMBEDDING_ID, DIMENSION), connection, vectors[5], 20, Filters())
    build_approximate_index(engine, EMBEDDING_ID, DIMENSION)
    with writing(engine).begin() as connection:
        connection.execute(text("SET LOCAL enable_sort = off"))  # for few rows sorting them all can be cheaper
        after = search(InServerSource(EMBEDDING_ID, DIMENSION), connection, vectors[5], 20, Filters())
    assert before == after
    assert before[0].similarity == pytest.approx(1.0, abs=1e-3)
    assert np.isfinite([hit.similarity for hit in after]).all()
