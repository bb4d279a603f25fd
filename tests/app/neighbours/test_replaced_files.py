"""A SQLite file that is replaced under a running service is read anew."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete

from app.database.engine import migrate, open_engine, write
from app.database.tables import Note
from app.neighbours.search import Excluded, Hit, SearchQuery, search
from app.neighbours.sqlite_candidates import InProcessSource
from tests.app.neighbours.stores import EMBEDDING_ID, fill, unit_rows

DIMENSION, ROWS = 16, 30


def filled(path: Path, seed: int) -> Engine:
    """A database of as many rows, other ones for another seed."""
    url = f"sqlite:///{path}"
    migrate(url)
    engine = open_engine(url)
    fill(engine, unit_rows(ROWS, seed, DIMENSION))
    return engine


def remove_note(engine: Engine, row: int) -> None:
    with write(engine) as connection:
        connection.execute(delete(Note).where(Note.id == row))


def found(engine: Engine, source: InProcessSource) -> list[Hit]:
    with engine.connect() as connection:
        return search(source, connection, SearchQuery(unit_rows(1, 9, DIMENSION)[0]), ROWS, Excluded())


@pytest.fixture
def source() -> InProcessSource:
    return InProcessSource(EMBEDDING_ID, DIMENSION)


def require_fresh(engine: Engine, source: InProcessSource, before: list[Hit]) -> None:
    """The answer is that of a process that has just started."""
    fresh = found(engine, InProcessSource(EMBEDDING_ID, DIMENSION))
    assert fresh != before
    assert found(engine, source) == fresh


@pytest.mark.parametrize("move", [Path.replace, shutil.copyfile], ids=["renamed over", "copied over"])
def test_another_database_with_as_many_rows(tmp_path: Path, source: InProcessSource, move) -> None:  # type: ignore[no-untyped-def]
    """Equal versions and counts of two databases are not the same rows."""
    engine = filled(tmp_path / "a.sqlite3", 1)
    filled(tmp_path / "b.sqlite3", 2)
    before = found(engine, source)
    move(tmp_path / "b.sqlite3", tmp_path / "a.sqlite3")
    require_fresh(engine, source, before)


def test_another_database_with_more_changes(tmp_path: Path, source: InProcessSource) -> None:
    """A higher version of another database holds no row that is known."""
    engine = filled(tmp_path / "a.sqlite3", 1)
    remove_note(filled(tmp_path / "b.sqlite3", 2), 3)
    before = found(engine, source)
    shutil.copyfile(tmp_path / "b.sqlite3", tmp_path / "a.sqlite3")
    require_fresh(engine, source, before)


def test_a_copy_that_has_gone_its_own_way(tmp_path: Path, source: InProcessSource) -> None:
    """It has the id of the database and the version, in another file."""
    engine = filled(tmp_path / "a.sqlite3", 1)
    shutil.copyfile(tmp_path / "a.sqlite3", tmp_path / "b.sqlite3")
    remove_note(engine, 3)
    remove_note(open_engine(f"sqlite:///{tmp_path}/b.sqlite3"), 4)
    before = found(engine, source)
    (tmp_path / "b.sqlite3").replace(tmp_path / "a.sqlite3")
    require_fresh(engine, source, before)


def test_an_older_copy_that_is_written_to(tmp_path: Path, source: InProcessSource) -> None:
    """Copied over the same file it is read at once; what is written later comes to it, not to the newer state."""
    engine = filled(tmp_path / "a.sqlite3", 1)
    shutil.copyfile(tmp_path / "a.sqlite3", tmp_path / "b.sqlite3")
    remove_note(engine, 3)
    remove_note(engine, 4)
    before = found(engine, source)
    shutil.copyfile(tmp_path / "b.sqlite3", tmp_path / "a.sqlite3")
    require_fresh(engine, source, before)
    for row in (5, 6, 7):
        before = found(engine, source)
        remove_note(engine, row)
        require_fresh(engine, source, before)
