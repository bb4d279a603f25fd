"""Which statements PostgreSQL is asked: no join over all notes where most of them pass the filters."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Engine, event

from app.database.engine import open_engine
from app.neighbours.in_server import InServerSource
from app.neighbours.search import Filters, search
from model.icd import Code
from tests.app.neighbours.stores import EMBEDDING_ID, fill, unit_rows
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer

DIMENSION, ROWS = 24, 600
DEV = Filters(splits=frozenset({"dev"}))
RARE = Filters(subjects=frozenset({"p4"}), codes=frozenset({Code("icd9cm", "004.0")}))
QUERY = unit_rows(1, 5, DIMENSION)[0]


@pytest.fixture
def engine(postgres: PostgresServer, template: str) -> Iterator[Engine]:
    """A filled database of a server, whose even notes lie around the query."""
    url = postgres.new_database(f"TEMPLATE {template}")
    vectors = unit_rows(ROWS, 1, DIMENSION)
    vectors[::2] += 2 * QUERY
    with disposed_engines():
        engine = open_engine(url)
        fill(engine, vectors)
        yield engine
    postgres.drop_database(url)


def limits_of(engine: Engine, query: np.ndarray, filters: Filters) -> list[list[int]]:
    """For each scan of the embeddings the numbers of rows that it was limited to; 34 are wanted."""
    limits: list[list[int]] = []

    def note(_connection: object, _cursor: object, statement: str, values: dict[str, object], *_: object) -> None:
        if "<=>" in statement:
            limits.append(sorted(value for name, value in values.items() if "param" in name and isinstance(value, int)))

    event.listen(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        search(InServerSource(EMBEDDING_ID, DIMENSION), connection, query, 2, filters)
    event.remove(engine, "before_cursor_execute", note)
    return limits


def test_a_filter_that_many_pass_is_asked_of_the_nearest_only(engine: Engine) -> None:
    """Eight times as many rows are ranked, and what does not pass is dropped."""
    assert limits_of(engine, -QUERY, DEV) == [[34, 272]]


def test_where_too_few_of_the_nearest_pass_all_are_asked(engine: Engine) -> None:
    """The query lies among the notes that do not pass."""
    assert limits_of(engine, QUERY, DEV) == [[34, 272], [34]]


@pytest.mark.parametrize("filters", [Filters(), RARE], ids=["none", "rare"])
def test_other_filters_are_asked_at_once(engine: Engine, filters: Filters) -> None:
    """Without a filter there is nothing to drop; of a rare one too few would be left."""
    assert limits_of(engine, QUERY, filters) == [[34]]
