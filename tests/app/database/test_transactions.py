"""A transaction ends before anything is given to a client, who may read slowly or go away."""

import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import app
from app.database import sqlite
from app.database.engine import open_engine, read, write
from app.errors import DatabaseUnavailable
from app.problem_table import problem_of
from app.reviews.csv_export import table_lines
from app.web.problems import known_problem
from tests.postgres_server import PostgresServer

OPENERS = {"read", "write"}


def held(tree: ast.AST) -> Iterator[int]:
    """Lines where a function yields within a transaction, by a plain walk."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for block in ast.walk(function):
            if isinstance(block, ast.With) and any(
                isinstance(item.context_expr, ast.Call)
                and isinstance(item.context_expr.func, ast.Name)
                and item.context_expr.func.id in OPENERS
                for item in block.items
            ):
                yield from (node.lineno for node in ast.walk(block) if isinstance(node, ast.Yield | ast.YieldFrom))


def test_no_generator_holds_a_transaction() -> None:
    """None of the program's, whoever reads it; the search itself finds one."""
    bad = "def rows(e):\n    with read(e) as c:\n        for row in c:\n            yield row\n"
    assert list(held(ast.parse(bad))) == [4]
    assert list(held(ast.parse(bad.replace("yield row", "yield from row").replace("read", "write")))) == [4]
    folder = Path(app.__file__).parent
    found = {str(path): lines for path in folder.rglob("*.py") if (lines := list(held(ast.parse(path.read_text()))))}
    assert found == {}


def test_abandoned_exports_keep_no_connection(indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifteen, as many as the pool has, each stopped after its first note and never closed."""
    monkeypatch.setattr(sqlite, "POOL_SECONDS", 0.1)
    engine = open_engine(indexed, keeps_open=True)
    left = [table_lines(engine, ["n1", "n2"], "icd9cm", True) for _ in range(15)]
    for export in left:
        assert len(list(islice(export, 2))) == 2
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    with write(engine) as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()


def test_a_note_that_is_deleted_during_an_export_is_left_out(indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch has a state of its own."""
    monkeypatch.setattr("app.reviews.csv_export.BATCH", 1)
    engine = open_engine(indexed)
    lines = table_lines(engine, ["n1", "n2", "n3"], "icd9cm", False)
    first = [next(lines), next(lines)]
    with write(engine) as connection:
        connection.execute(text("DELETE FROM notes WHERE note_id = 'n2'"))
    assert [line.split(",")[0] for line in [*first, *lines]] == ['"note_id"', '"n1"', '"n3"']


def require_busy(engine: Engine) -> None:
    """Every connection is lent; the next one is told so, with when to come again."""
    held = [engine.connect() for _ in range(engine.pool.size() + 10)]  # type: ignore[attr-defined]
    with pytest.raises(DatabaseUnavailable, match=r"is busy.*try again in some seconds") as caught, read(engine):
        pass
    assert "migrate" not in str(caught.value)
    answer = known_problem(caught.value, 7)
    assert (problem_of(caught.value).status, answer.status_code, answer.headers["Retry-After"]) == (503, 503, "7")
    for connection in held:
        connection.close()
    engine.dispose()


def test_a_pool_without_a_free_connection_is_busy(indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And asks for patience, not for a migration; it is waited for as shortly as for a lock."""
    assert sqlite.POOL_SECONDS <= 5
    monkeypatch.setattr(sqlite, "POOL_SECONDS", 0.1)
    require_busy(open_engine(indexed, keeps_open=True))


def test_a_pool_of_a_server_is_busy_too(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same words."""
    monkeypatch.setattr("app.database.postgresql.POOL_SECONDS", 0.1)
    url = postgres.new_database()
    require_busy(open_engine(url))
    postgres.drop_database(url)
