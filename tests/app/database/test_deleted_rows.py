"""Deleted texts leave SQLite's write-ahead log, at the latest when the last reader of an older state has ended."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from app.access_log.hash_chain import Entry
from app.access_log.journal import write_entry
from app.database import sqlite
from app.database.engine import erase_deleted, erase_left, migrate, open_engine, read
from app.errors import DatabaseUnavailable
from app.jobs.worker import JobWorker
from app.notes.service import delete_note
from model.dataset import Document
from tests.app.access_log.rows import deletion_of
from tests.app.fakes import CANARY, FakeCoder, index_into, write_dataset

RARE = f"{CANARY} zimtstern"
WRITES: dict[str, Callable[[Engine], object]] = {
    "a later write": lambda engine: write_entry(engine, Entry("Testperson", "GET /somewhere", ["n9"], 200, "0" * 32)),
    "a later deletion": lambda engine: delete_note(engine, "n1", deletion_of("n1")),
    "the jobs' worker": erase_left,
}


@pytest.fixture
def service(tmp_path: Path, coder: FakeCoder) -> Engine:
    """The engine of a service over two notes, one with a rare text."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    notes = [Document("n0", "p", "train", f"{RARE} " * 300, ()), Document("n1", "p", "train", "Anna has a cough.", ())]
    engine = open_engine(url, keeps_open=True)
    write_entry(engine, Entry("Testperson", "GET /somewhere", ["n0"], 200, "0" * 32))  # a connection stays, and the log
    index_into(url, coder, write_dataset(tmp_path / "data", notes), store_text=True)
    return engine


def left_in(folder: Path) -> int:
    return sum(path.read_bytes().count(RARE.encode()) for path in folder.glob("notes.sqlite3*"))


@pytest.mark.parametrize("what", WRITES)
def test_a_text_that_a_reader_kept_is_erased_after_it(service: Engine, tmp_path: Path, what: str) -> None:
    """Whatever reads: a backup, an export, another program."""
    with read(service) as connection:
        connection.execute(text("SELECT count(*) FROM notes"))
        delete_note(service, "n0", deletion_of("n0"))
        assert left_in(tmp_path) > 0
        WRITES["a later write"](service)
        assert left_in(tmp_path) > 0
    WRITES[what](service)
    assert left_in(tmp_path) == 0
    assert not sqlite.has_left(service)


def test_a_deletion_says_that_a_reader_delays_it(service: Engine, logs: StringIO, tmp_path: Path) -> None:
    """By a row of the log, without the note."""
    with read(service) as connection:
        connection.execute(text("SELECT count(*) FROM notes"))
        erase_deleted(service)
        assert sqlite.has_left(service)
    assert "a reader keeps deleted rows" in logs.getvalue()


def test_a_log_that_cannot_be_emptied_is_one_sentence_and_tried_again(
    service: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own error, which no layer of SQLAlchemy sees."""
    import sqlite3

    def fail(*_: object) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite, "_checkpoint", fail)
    with pytest.raises(DatabaseUnavailable):
        erase_deleted(service)
    erase_left(service)
    monkeypatch.undo()
    assert sqlite.has_left(service)
    erase_left(service)
    assert not sqlite.has_left(service)


def test_a_deletion_does_not_wait_long_for_a_reader(service: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the write lock while it does; the later attempts do not wait at all, and locks are waited for again."""
    waits = []
    real = sqlite._checkpoint
    monkeypatch.setattr(sqlite, "_checkpoint", lambda engine, ms: waits.append(ms) or real(engine, ms))
    with read(service) as connection:
        connection.execute(text("SELECT count(*) FROM notes"))
        delete_note(service, "n0", deletion_of("n0"))
    erase_left(service)
    assert waits == [500, 0]
    with read(service) as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == sqlite.BUSY_TIMEOUT_MS


def test_a_rebuilt_note_leaves_no_old_text(service: Engine, coder: FakeCoder, tmp_path: Path) -> None:
    """While the service keeps the write-ahead log in its place."""
    notes = [Document("n0", "p", "train", "Anna is well.", ())]
    data = write_dataset(tmp_path / "more", notes)
    index_into(service.url.render_as_string(), coder, data, store_text=True, rebuild=True)
    assert left_in(tmp_path) == 0


def test_the_worker_erases_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without new work, more than once."""
    monkeypatch.setattr("app.jobs.worker.ERASING_SECONDS", 0.001)
    calls = []

    class Queue:
        def erase_left(self) -> None:
            calls.append(1)
            if len(calls) == 3:
                worker.wake()

    async def never(_: object) -> None:
        raise AssertionError

    worker = JobWorker(Queue(), never)  # type: ignore[arg-type]
    worker._rest()
    assert len(calls) == 3
