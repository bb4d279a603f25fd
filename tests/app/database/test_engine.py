"""Opening, migrating and refusing databases."""

import signal
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.database.engine import database_errors, default_url, migrate, open_engine, read, require_current, write
from app.database.sqlite import _FileConnection
from app.database.tables import Patient
from app.errors import DatabaseOutOfStep, DatabaseUnavailable
from model.errors import InvalidOption, MissingInput
from tests.app.fakes import CANARY


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("notes.sqlite3", "no database URL"),
        ("mongodb://host/x", "'mongodb' is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_urls_that_cannot_be_used_are_named(url: str, words: str) -> None:
    """An unknown driver or no file is one sentence with an example."""
    with pytest.raises(InvalidOption, match=rf"{words}.*sqlite:///file"):
        open_engine(url)


def test_a_connection_has_foreign_keys_wal_and_patience(url: str) -> None:
    """The pragmas hold on every connection."""
    with open_engine(url).connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("foreign_keys", "journal_mode", "busy_timeout")
        }
    assert pragma == {"foreign_keys": 1, "journal_mode": "wal", "busy_timeout": 5000}


def test_a_missing_file_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    """And is not created by the question."""
    with pytest.raises(MissingInput, match=r"none\.sqlite3' is not there.*icd-coder index"):
        require_current(open_engine(f"sqlite:///{tmp_path}/none.sqlite3"))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Migrating does not make folders."""
    with pytest.raises(MissingInput, match="folder"):
        migrate(f"sqlite:///{tmp_path}/no/a.sqlite3")


def test_a_schema_behind_names_the_remedy(tmp_path: Path) -> None:
    """A SQLite file without our tables asks for migrate."""
    sqlite3.connect(tmp_path / "a.sqlite3").execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(DatabaseOutOfStep, match="no tables.*icd-coder migrate"):
        require_current(open_engine(f"sqlite:///{tmp_path}/a.sqlite3"))


def test_a_schema_ahead_is_refused(url: str, tmp_path: Path) -> None:
    """Neither used nor migrated."""
    connection = sqlite3.connect(tmp_path / "notes.sqlite3")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '20990101_0000'")
    connection.close()
    with pytest.raises(DatabaseOutOfStep, match="20990101_0000.*update icd-coder"):
        require_current(open_engine(url))
    with pytest.raises(DatabaseOutOfStep, match="update icd-coder"):
        migrate(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A text file is not overwritten."""
    file = tmp_path / "a.sqlite3"
    file.write_text("This is a letter. " * 100)
    for action in (migrate, lambda url: require_current(open_engine(url))):
        with pytest.raises(DatabaseUnavailable, match="is no SQLite database"):
            action(f"sqlite:///{file}")
    assert file.read_text().startswith("This is a letter.")


def test_a_locked_database_is_named(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second writer gives up after the timeout with one sentence."""
    monkeypatch.setattr("app.database.sqlite.BUSY_TIMEOUT_MS", 10)
    holder = sqlite3.connect(tmp_path / "notes.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="is locked by another process"):
        migrate(url)
    holder.close()


def test_a_lock_at_the_switch_to_wal_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite reports it at once there, so two starts at one moment would fail one of them."""
    connect, attempts = sqlite3.connect, iter(range(1000))

    def busy_once(*arguments: object, **options: object) -> sqlite3.Connection:
        if next(attempts) == 0:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorname = "SQLITE_BUSY"
            raise error
        return connect(*arguments, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr("app.database.sqlite.sqlite3.connect", busy_once)
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    migrate(url)
    require_current(open_engine(url))
    assert next(attempts) > 1


def test_database_errors_hold_no_row(url: str) -> None:
    """The sentence, and everything chained to it, is free of the values."""
    with (
        pytest.raises(DatabaseUnavailable) as caught,
        database_errors(url),
        open_engine(url).begin() as connection,
    ):
        connection.execute(insert(Patient), [{"subject_id": CANARY}, {"subject_id": CANARY}])
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__
    assert isinstance(caught.value.__context__, IntegrityError)
    assert CANARY not in str(caught.value.__context__)


def test_the_default_database_lies_beside_the_bundle(tmp_path: Path) -> None:
    """Named after it."""
    assert default_url(tmp_path / "bundle") == f"sqlite:///{tmp_path}/bundle.sqlite3"


@pytest.fixture
def interrupted_engine(url: str, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A database whose connections receive Ctrl-C while they close."""

    def close(connection: _FileConnection) -> None:
        signal.raise_signal(signal.SIGINT)
        sqlite3.Connection.close(connection)

    engine = open_engine(url)
    monkeypatch.setattr(_FileConnection, "close", close, raising=False)
    return engine


def test_ctrl_c_while_a_connection_closes_comes_after_the_commit(
    interrupted_engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SQLAlchemy logs no "Exception closing connection", and the transaction is whole."""
    with pytest.raises(KeyboardInterrupt), write(interrupted_engine) as connection:
        connection.execute(insert(Patient), [{"subject_id": "p1"}])
    with pytest.raises(KeyboardInterrupt), read(interrupted_engine) as connection:
        connection.scalar(select(func.count()).select_from(Patient))
    assert caplog.records == []
    monkeypatch.undo()
    with read(interrupted_engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Patient)) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_within_a_transaction_rolls_it_back(url: str) -> None:
    """At once: only the closing of the connection is waited for."""
    engine = open_engine(url)

    def interrupted() -> None:
        with write(engine) as connection:
            connection.execute(insert(Patient), [{"subject_id": "p1"}])
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with read(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Patient)) == 0
