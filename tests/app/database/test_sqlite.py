"""A SQLite file that a service keeps open, and that is still noticed when it goes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.access_log.hash_chain import Entry
from app.access_log.journal import write_entry
from app.access_log.verification import verify_chain
from app.database.engine import open_engine
from app.errors import DatabaseUnavailable

ROW = Entry("Testperson", "GET /somewhere", ["n1"], 200, "0" * 32)


@pytest.fixture
def kept(url: str) -> Iterator[Engine]:
    """An engine as a service has it."""
    engine = open_engine(url, keeps_open=True)
    yield engine
    engine.dispose()


def test_the_write_ahead_log_stays_between_requests(url: str, kept: Engine, tmp_path: Path) -> None:
    """And is gone, copied into the file, when the service ends; a command copies it every time."""
    log = tmp_path / "notes.sqlite3-wal"
    write_entry(open_engine(url), ROW)
    assert not log.exists()
    write_entry(kept, ROW)
    first = log.stat()
    write_entry(kept, ROW)
    assert log.stat().st_ino == first.st_ino
    assert log.stat().st_size > first.st_size
    kept.dispose()
    assert not log.exists()
    assert verify_chain(kept).sequence == 3


def test_what_was_acknowledged_needs_no_end_of_the_service(kept: Engine, tmp_path: Path) -> None:
    """The file and its log, as a kill leaves them, hold every row."""
    for _ in range(5):
        write_entry(kept, ROW)
    for suffix in ("", "-wal"):
        (tmp_path / f"left.sqlite3{suffix}").write_bytes((tmp_path / f"notes.sqlite3{suffix}").read_bytes())
    left = open_engine(f"sqlite:///{tmp_path}/left.sqlite3")
    assert verify_chain(left).sequence == 5


def test_a_file_that_was_replaced_is_followed(kept: Engine, tmp_path: Path) -> None:
    """Gone: unavailable; another in its place: that one is read and written."""
    file = tmp_path / "notes.sqlite3"
    write_entry(kept, ROW)
    kept.dispose()
    other = file.read_bytes()
    write_entry(kept, ROW)
    for path in (file, tmp_path / "notes.sqlite3-wal", tmp_path / "notes.sqlite3-shm"):
        path.rename(path.with_name(f"old-{path.name}"))
    with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
        write_entry(kept, ROW)
    file.write_bytes(other)
    write_entry(kept, ROW)
    assert verify_chain(kept).sequence == 2
    kept.dispose()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM access_log").fetchone() == (2,)
