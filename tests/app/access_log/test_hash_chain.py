"""Rows of the access log: one chain on both engines, whoever writes, and no way back."""

import hashlib
import json
import threading
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from app.access_log.hash_chain import COMMAND_LINE, GENESIS, Entry, Link, append
from app.access_log.verification import verify_chain
from app.database.engine import is_sqlite, open_engine, write
from app.database.tables import AccessLogRow
from app.errors import DatabaseUnavailable
from tests.app.access_log.rows import add_rows
from tests.postgres_server import database_of

CHANGES = {
    "an update": "UPDATE access_log SET who = 'somebody else' WHERE sequence = 2",
    "an update of nothing that shows": "UPDATE access_log SET who = who",
    "a deletion": "DELETE FROM access_log WHERE sequence = 3",
    "a replacement": (
        "INSERT OR REPLACE INTO access_log (sequence, at, who, action, note_ids, previous_hash, hash) "
        "VALUES (2, '2026-01-01 00:00:00', 'x', 'x', '[]', 'x', 'x')"
    ),
    "a truncation": "TRUNCATE access_log",
}


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    """Every test of this file runs on both engines."""
    return open_engine(migrated_url)


def test_each_row_hashes_the_one_before_and_itself(engine: Engine) -> None:
    """Recomputed here from the bytes of the decision record."""
    add_rows(engine, 3)
    with engine.connect() as connection:
        rows = connection.execute(select(AccessLogRow.__table__).order_by(AccessLogRow.sequence)).all()
    previous = "0" * 64
    for number, row in enumerate(rows, start=1):
        moment = row.at.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
        words = [number, moment, f"r{number}", "0123456789abcdef", "POST /v1/predict", f'["n{number}","ü"]', 200]
        words[5] = json.dumps([f"n{number}", "ü"], separators=(",", ":"))
        content = previous + json.dumps(words, separators=(",", ":"))
        assert (row.previous_hash, row.hash) == (previous, hashlib.sha256(content.encode()).hexdigest())
        previous = row.hash
    assert verify_chain(engine) == Link(3, previous)


def test_an_empty_log_is_whole(engine: Engine) -> None:
    """And ends where the first row will follow."""
    assert verify_chain(engine) == Link(0, GENESIS)


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_to_change_a_row(engine: Engine, change: str) -> None:
    """By its own triggers, whichever program asks."""
    add_rows(engine, 3)
    if (change == "a truncation" and is_sqlite(engine)) or (change == "a replacement" and not is_sqlite(engine)):
        pytest.skip("the engine has no such statement")
    end = verify_chain(engine)
    with pytest.raises(DatabaseUnavailable), write(engine) as connection:
        connection.execute(text(CHANGES[change]))
    assert verify_chain(engine) == end


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_writers_at_once_keep_one_chain(migrated_url: str, isolation: str) -> None:
    """Four, each with an engine of its own, whatever a server's default is; no number is given twice or left out."""
    if not migrated_url.startswith("sqlite"):
        setting = f"ALTER DATABASE {database_of(migrated_url)} SET default_transaction_isolation = '{isolation}'"
        with write(open_engine(migrated_url)) as connection:
            connection.execute(text(setting))
    barrier = threading.Barrier(4)

    def append_rows() -> None:
        own = open_engine(migrated_url)
        barrier.wait(20)
        for _ in range(10):
            add_rows(own, 1)
        own.dispose()

    writers = [threading.Thread(target=append_rows) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert verify_chain(open_engine(migrated_url)).sequence == 40


def test_a_row_goes_with_its_transaction(engine: Engine) -> None:
    """Rolled back, it was never there, and the next one takes its number."""
    with write(engine) as connection:
        append(connection, Entry(COMMAND_LINE, "index", ["n1"]))
        connection.rollback()
    add_rows(engine, 1)
    assert verify_chain(engine).sequence == 1


def test_a_transaction_without_the_write_lock_is_refused(engine: Engine) -> None:
    """Two such would fork the chain."""
    with engine.connect() as connection, pytest.raises(ValueError, match="needs a transaction of write"):
        append(connection, Entry(COMMAND_LINE, "index"))


def test_a_number_that_is_taken_is_refused(engine: Engine) -> None:
    """The last line of defence: the primary key."""
    add_rows(engine, 1)
    row: dict[str, Any] = {"sequence": 1, "who": "x", "action": "x", "note_ids": "[]", "previous_hash": "", "hash": ""}
    with engine.connect() as connection:
        row["at"] = connection.scalar(select(AccessLogRow.at))
    with pytest.raises(DatabaseUnavailable), write(engine) as connection:
        connection.execute(insert(AccessLogRow).values(row))
