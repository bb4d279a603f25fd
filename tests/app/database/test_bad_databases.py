"""Databases that cannot be used: one sentence with the remedy, on either engine."""

import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.database.engine import database_name, migrate, open_engine, require_current, require_usable, write
from app.database.tables import Note
from app.errors import DatabaseOutOfStep, DatabaseUnavailable
from app.notes.verify_index import verify_index
from model.dataset import Document
from model.errors import InvalidOption
from tests.app.fakes import FakeCoder, index_into, random_documents, write_dataset
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer, database_of

MEGABYTE = 1 << 20
DOCUMENTS = 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: run as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill_disk(folder: Path, leave: int) -> Path:
    """Take all the room but ``leave`` bytes."""
    filler = folder / "filler"
    room = os.statvfs(folder)
    filler.write_bytes(b"\0" * max(0, room.f_bavail * room.f_frsize - leave))
    return filler


def large_documents() -> list[Document]:
    """Notes of 40 kB of one word, which does not compress well."""
    chance = random.Random(1)
    return [Document(f"r{i}", "p", "train", f"note {i} {chance.randbytes(20_000).hex()}", ()) for i in range(DOCUMENTS)]


def index_until_full(url: str, data: Path, filler: Path) -> None:
    """A clear error when the disk is full, nothing corrupt, and the work goes on when space returns."""
    with pytest.raises(DatabaseUnavailable, match="has no room left|disk has room"):
        index_into(url, FakeCoder(), data, store_text=True)
    before = verify_index(open_engine(url), sample=None)
    assert before.problems == []
    filler.unlink()
    report = index_into(url, FakeCoder(), data, store_text=True)
    assert report.present == before.notes
    after = verify_index(open_engine(url), sample=None)
    assert (after.problems, after.notes) == ([], DOCUMENTS)


def test_a_full_disk_under_a_file(small_disk: Path, tmp_path: Path) -> None:
    """SQLite: the failed batch is absent, the others whole."""
    url = f"sqlite:///{small_disk}/notes.sqlite3"
    migrate(url)
    index_until_full(url, write_dataset(tmp_path / "data", large_documents()), fill_disk(small_disk, MEGABYTE))


def test_a_full_disk_under_a_server(small_disk: Path, postgres: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL: the tablespace of the data is full."""
    space = small_disk / "space"
    space.mkdir()
    if postgres.user is not None:
        subprocess.run(["chown", postgres.user, space], check=True)
        for folder in (small_disk, *list(small_disk.parents)[:-2]):  # the last two: /tmp and /
            folder.chmod(folder.stat().st_mode | 0o011)  # let the server's user pass
    postgres.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
    url = postgres.new_database("TABLESPACE small")
    with disposed_engines():
        migrate(url)
        index_until_full(url, write_dataset(tmp_path / "data", large_documents()), fill_disk(small_disk, MEGABYTE))
    postgres.drop_database(url)
    postgres.execute("DROP TABLESPACE small")


def test_a_read_only_file(small_disk: Path, tmp_path: Path) -> None:
    """Found at the first write; reading goes on."""
    url = f"sqlite:///{small_disk}/notes.sqlite3"
    migrate(url)
    data = write_dataset(tmp_path / "data")
    index_into(url, FakeCoder(), data)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(DatabaseUnavailable, match="is read-only: fix the permissions|cannot be opened: check that"):
        index_into(url, FakeCoder(embedding_id="f" * 64), data)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)


def test_a_read_only_server(any_url: str, tmp_path: Path) -> None:
    """A replica, or a role that may not write."""
    if any_url.startswith("sqlite"):
        pytest.skip("the file has its own test")
    migrate(any_url)
    with write(open_engine(any_url)) as connection:
        connection.execute(text(f"ALTER DATABASE {database_of(any_url)} SET default_transaction_read_only = on"))
    with pytest.raises(DatabaseUnavailable, match="is read-only: name the primary"):
        index_into(any_url, FakeCoder(), write_dataset(tmp_path / "data"))


def test_a_server_without_pgvector(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named before anything is made."""
    url = postgres.new_database()
    with disposed_engines():
        with monkeypatch.context() as patch:
            patch.setattr("app.database.postgresql.EXTENSION", "absent")
            with pytest.raises(DatabaseUnavailable, match=r"has no pgvector: install pgvector 0\.8 or later"):
                migrate(url)
        with monkeypatch.context() as patch:
            patch.setattr("app.database.postgresql.MINIMUM_EXTENSION", (9, 0))
            with pytest.raises(DatabaseUnavailable, match=r"has pgvector 0\.8\.\d, 9\.0 is needed"):
                migrate(url)
        with pytest.raises(DatabaseOutOfStep, match="holds no tables.*icd-coder migrate"):
            require_usable(url)
    postgres.drop_database(url)


def test_a_schema_ahead_or_behind(migrated_url: str) -> None:
    """Neither used nor, when ahead, migrated."""
    engine = open_engine(migrated_url)
    for revision, words in (("20990101_0000", "newer than .*update icd-coder"), ("20261123_1400", "icd-coder migrate")):
        with write(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        with pytest.raises(DatabaseOutOfStep, match=f"{revision}.*{words}"):
            require_current(engine)
    with write(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '20990101_0000'"))
    with pytest.raises(DatabaseOutOfStep, match="update icd-coder"):
        migrate(migrated_url)


def test_a_locked_database(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second writer gives up after the timeout."""
    monkeypatch.setattr("app.database.sqlite.BUSY_TIMEOUT_MS", 10)
    monkeypatch.setattr("app.database.postgresql.LOCK_TIMEOUT", "10ms")
    data = write_dataset(tmp_path / "data")
    with (
        write(open_engine(migrated_url)),
        pytest.raises(DatabaseUnavailable, match="is locked by another process: wait"),
    ):
        index_into(migrated_url, FakeCoder(), data)


@pytest.mark.parametrize("fault", ["no server", "no database", "no role"])
def test_a_server_that_does_not_answer(postgres: PostgresServer, tmp_path: Path, fault: str) -> None:
    """Or does not know the database or the role; the password is not shown."""
    url = {
        "no server": f"postgresql+psycopg://coder:secretword@/notes?host={tmp_path}",
        "no database": postgres.url("absent").replace("coder@", "coder:secretword@"),
        "no role": postgres.url("postgres", "nobodyatall:secretword"),
    }[fault]
    with disposed_engines(), pytest.raises(DatabaseUnavailable, match="cannot be reached: start the server") as caught:
        require_usable(url)
    assert "secretword" not in str(caught.value)
    assert "secretword" not in database_name(url)


def test_a_server_that_comes_back(tmp_path: Path) -> None:
    """Unavailable while it is gone; then the same engine works again."""
    server = PostgresServer()
    try:
        server.start()
        url = server.new_database()
        with disposed_engines():
            migrate(url)
            engine = open_engine(url)
            require_current(engine)
            server.stop()
            with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
                require_current(engine)
            server.start()
            require_current(engine)
            with engine.connect() as connection:
                assert connection.scalars(select(Note.id)).all() == []
    finally:
        server.remove()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://host", "names no database: give a URL such as postgresql"),
        ("postgresql://host/x", "'postgresql' is not supported"),
        ("oracle://host/x", "'oracle' is not supported"),
    ],
)
def test_urls_that_cannot_be_used(url: str, words: str) -> None:
    """With an example."""
    with pytest.raises(InvalidOption, match=words):
        open_engine(url)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs them."""
    monkeypatch.setitem(__import__("sys").modules, "pgvector.sqlalchemy", None)
    monkeypatch.setitem(__import__("sys").modules, "pgvector", None)
    with pytest.raises(InvalidOption, match=r"pip install 'icd-coder\[postgres\]'"):
        open_engine("postgresql+psycopg://host/x")


def test_a_damaged_file(tmp_path: Path) -> None:
    """verify-index says so."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    index_into(url, FakeCoder(), write_dataset(tmp_path / "data", random_documents(300)))
    sqlite3.connect(tmp_path / "notes.sqlite3").execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    content = bytearray((tmp_path / "notes.sqlite3").read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\x17" * 4096
    (tmp_path / "notes.sqlite3").write_bytes(content)
    with pytest.raises(DatabaseUnavailable, match="is damaged: restore it from a backup"):
        verify_index(open_engine(url))
