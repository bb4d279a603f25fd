"""A row of a file that the driver reads is the row that SQLAlchemy reads."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, bindparam, insert, select

from app.database.engine import migrate, open_engine, open_reader_at_once, read, write
from app.database.prepared_read import PreparedRead
from app.database.tables import ApiKey
from app.errors import DatabaseUnavailable

NOW = datetime(2026, 12, 1, 3, 30, 0, 250_000, tzinfo=UTC)
STATEMENT = select(ApiKey.name, ApiKey.tag, ApiKey.created_at, ApiKey.expires_at).where(
    ApiKey.key_id == bindparam("key_id")
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A file with two keys, one of which has no end."""
    url = f"sqlite:///{tmp_path}/keys.sqlite3"
    migrate(url)
    with write(open_engine(url)) as connection:
        for key_id, expires_at in (("a" * 16, NOW), ("b" * 16, None)):
            values = {"name": f"key {key_id[0]}", "scopes": "predict", "tag": b"\x00\xff", "created_at": NOW}
            connection.execute(insert(ApiKey).values(key_id=key_id, expires_at=expires_at, **values))
    engine = open_reader_at_once(url)
    assert engine is not None
    yield engine
    engine.dispose()


@pytest.mark.parametrize("key_id", ["a" * 16, "b" * 16, "c" * 16, "' OR 1 = 1 --"])
def test_it_is_the_row_that_sqlalchemy_reads(engine: Engine, key_id: str) -> None:
    """Moments with their zone, bytes, nothing, and no row."""
    with read(engine) as connection:
        expected = connection.execute(STATEMENT, {"key_id": key_id}).one_or_none()
    found = PreparedRead(STATEMENT).row(engine, key_id=key_id)
    assert found == (None if expected is None else tuple(expected))
    assert (found is None) == (key_id[0] not in "ab")


def test_it_sees_what_another_connection_has_written(engine: Engine, tmp_path: Path) -> None:
    """No transaction is left open that would keep an older state."""
    prepared = PreparedRead(STATEMENT)
    assert prepared.row(engine, key_id="b" * 16) == ("key b", b"\x00\xff", NOW, None)
    with closing(sqlite3.connect(tmp_path / "keys.sqlite3", isolation_level=None)) as other:
        other.execute("UPDATE api_keys SET name = 'renamed' WHERE name = 'key b'")
    assert prepared.row(engine, key_id="b" * 16) == ("renamed", b"\x00\xff", NOW, None)


def test_a_file_that_cannot_be_read_is_named(engine: Engine, tmp_path: Path) -> None:
    """As by every other read, and it is read again once it is back."""
    prepared = PreparedRead(STATEMENT)
    assert prepared.row(engine, key_id="a" * 16) is not None
    (tmp_path / "keys.sqlite3").rename(tmp_path / "away")
    with pytest.raises(DatabaseUnavailable, match=r"keys\.sqlite3' cannot be opened"):
        prepared.row(engine, key_id="a" * 16)
    (tmp_path / "away").rename(tmp_path / "keys.sqlite3")
    assert prepared.row(engine, key_id="a" * 16) is not None
