"""The database: engine, migrations, and errors that never carry a row.

A driver's error message can hold the failing row (and so a note), even with ``hide_parameters``: only the
name of the error leaves this file.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from app.errors import DatabaseOutOfStep, DatabaseUnavailable
from model.errors import InvalidOption, MissingInput

BUSY_TIMEOUT_MS = 5_000
RETRY_SECONDS = 0.02

_REMEDIES = {
    "SQLITE_BUSY": "is locked by another process: wait for it or stop it",
    "SQLITE_LOCKED": "is locked by another process: wait for it or stop it",
    "SQLITE_READONLY": "is read-only: mend its permissions and those of its folder",
    "SQLITE_CANTOPEN": "cannot be opened: see that it is there, and mend its permissions and those of its folder",
    "SQLITE_FULL": "has no room left on its disk: free some and try again",
    "SQLITE_NOTADB": "is no SQLite database: name another file with --database",
    "SQLITE_CORRUPT": "is damaged: restore it from a backup or index into a new one",
}


def default_url(bundle: Path) -> str:
    """URL of the SQLite file beside a bundle directory: ``sqlite:///<parent>/<name>.sqlite3``."""
    bundle = bundle.resolve()
    path = bundle.parent / f"{bundle.name}.sqlite3"
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_engine(url: str) -> Engine:
    """An engine with foreign keys on, a busy timeout, and transactions that start when they say so.

    Nothing is connected yet. ``writing(engine)`` gives the same engine with transactions that take the write
    lock at once: SQLite refuses without waiting to upgrade a read transaction that has been overtaken.

    Raises:
        InvalidOption: no URL, another driver than SQLite, or no file named.
    """
    parsed = _parse(url)
    address = f"{Path(str(parsed.database)).absolute().as_uri()}?mode=rw"  # a file that is gone is not made anew

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)

    # No pool: a kept connection would read a file that was deleted or replaced, and not recover when it is back.
    engine = create_engine(parsed, hide_parameters=True, creator=connect, poolclass=NullPool)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def writing(engine: Engine) -> Engine:
    """The engine with transactions that take SQLite's write lock at their start."""
    return engine.execution_options(icd_coder_begin="IMMEDIATE")


def database_file(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(str(_parse(url).database))


def migrate(url: str) -> None:
    """Create the database where it is absent and upgrade it to the newest revision, in one transaction.

    Raises:
        MissingInput: the folder of the file is not there.
        DatabaseOutOfStep: the database was made by a newer version.
        DatabaseUnavailable: it cannot be written.
    """
    path = database_file(url)
    if not path.parent.is_dir():
        raise MissingInput(f"the folder '{path.parent}' of the database is not there: make it or mend --database")
    _use_wal(path)
    engine = open_engine(url)
    try:
        with database_errors(url), writing(engine).begin() as connection:
            _upgrade(connection, url)
    finally:
        engine.dispose()


def require_usable(url: str) -> None:
    """As :func:`require_current`, for a URL: cheap, so done before a bundle is loaded."""
    engine = open_engine(url)
    try:
        require_current(engine)
    finally:
        engine.dispose()


def require_current(engine: Engine) -> None:
    """Raise one sentence unless the database is there and has the schema of this version.

    Raises:
        MissingInput: there is no such file.
        DatabaseOutOfStep: the schema is behind or ahead.
        DatabaseUnavailable: the file cannot be read.
    """
    url = str(engine.url)
    path = database_file(url)
    if not path.is_file():
        raise MissingInput(
            f"the database '{path}' is not there: make it with "
            f"`icd-coder index --bundle BUNDLE --data DATA --database {url}`"
        )
    with database_errors(url), engine.connect() as connection:
        current, newest = _revisions(connection)
    if current != newest:
        raise DatabaseOutOfStep(_out_of_step(url, current, newest))


@contextmanager
def database_errors(url: str) -> Iterator[None]:
    """Turn a driver's error into one sentence that holds no row.

    Raises:
        DatabaseUnavailable: for every SQLAlchemyError of the block.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(f"the database '{database_file(url)}' {_remedy(error_name(error))}") from None


def error_name(error: SQLAlchemyError) -> str:
    """Name of a database error without its message, such as "SQLITE_BUSY"."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return _sqlite_name(original) if isinstance(original, sqlite3.Error) else type(error).__name__


def _sqlite_name(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def _remedy(name: str) -> str:
    for prefix, remedy in _REMEDIES.items():
        if name.startswith(prefix):  # extended names: SQLITE_READONLY_DBMOVED, ...
            return remedy
    return f"failed ({name}): run `icd-coder migrate`, or name another with --database"


def _parse(url: str) -> URL:
    example = "give a URL such as sqlite:///file.sqlite3"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidOption(f"'{url}' is no database URL: {example}") from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise InvalidOption(f"the database driver '{parsed.drivername}' is not supported: {example}")
    if not parsed.database or parsed.database == ":memory:":
        raise InvalidOption(f"the database URL '{url}' names no file: {example}")
    if parsed.query or parsed.database.startswith("file:"):
        raise InvalidOption(f"the database URL '{url}' has options, which are not supported: {example}")
    return parsed


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 itself would begin late and commit before DDL
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("icd_coder_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _use_wal(path: Path) -> None:
    """Readers and one writer at once; a property of the file, so set here and not at each connect.

    Tried again until the busy timeout: for this switch SQLite reports a lock at once, whatever the timeout says, and
    two starts at the same moment would otherwise fail one of them (measured: 6 of 720).
    """
    deadline = monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                return
        except sqlite3.Error as error:
            name = _sqlite_name(error)
            if not name.startswith("SQLITE_BUSY") or monotonic() > deadline:
                raise DatabaseUnavailable(f"the database '{path}' {_remedy(name)}") from None
        sleep(RETRY_SECONDS)


def alembic_config() -> Config:
    """Alembic's configuration, from the installed package; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revisions(connection: Connection) -> tuple[str | None, str | None]:
    current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(alembic_config()).get_current_head()


def _upgrade(connection: Connection, url: str) -> None:
    current, newest = _revisions(connection)
    if current == newest:
        return
    if current is not None and not _is_known(current):
        raise DatabaseOutOfStep(_out_of_step(url, current, newest))
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_known(revision: str) -> bool:
    return any(script.revision == revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions())


def _out_of_step(url: str, current: str | None, newest: str | None) -> str:
    if current is None:
        return f"'{database_file(url)}' holds no tables of icd-coder: run `icd-coder migrate --database {url}`"
    if _is_known(current):
        return (
            f"the database '{database_file(url)}' has the schema {current}, this version needs {newest}: "
            f"run `icd-coder migrate --database {url}`"
        )
    return (
        f"the database '{database_file(url)}' has the unknown schema {current}, newer than {newest}: "
        "update icd-coder or name another database"
    )
