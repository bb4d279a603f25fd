"""The database on either engine: opening, migrating, and errors that never carry a row.

A driver's error message can hold the failing row (and so a note), even with ``hide_parameters``: every error
loses its message and its values where it is raised, and only its name goes on.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database import postgresql, sqlite
from app.database.deferred_signals import uninterrupted
from app.database.shown_url import EXAMPLE, parse_url, shown_url
from app.errors import DatabaseOutOfStep, DatabaseUnavailable
from model.errors import InvalidOption

NO_CONNECTION = "is busy, all of its connections are in use: try again in some seconds"


def default_url(bundle: Path) -> str:
    """URL of the SQLite file beside a bundle directory: ``sqlite:///<parent>/<name>.sqlite3``."""
    bundle = bundle.resolve()
    path = bundle.parent / f"{bundle.name}.sqlite3"
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_engine(url: str, keeps_open: bool = False, busy_timeout_ms: int = sqlite.BUSY_TIMEOUT_MS) -> Engine:
    """An engine for reading: every transaction sees one state. Nothing is connected yet.

    :func:`read` and :func:`write` open its transactions. A service ``keeps_open`` the connections to a SQLite file,
    until it disposes of the engine. ``busy_timeout_ms`` is how long a lock of such a file is waited for.

    Raises:
        InvalidOption: no URL, another driver, no file or database named, or a package is missing.
    """
    parsed = _parse(url)
    engine: Engine = _backend(parsed).make_engine(parsed, keeps_open, busy_timeout_ms)
    event.listen(engine, "handle_error", _forget_values)
    return engine


def open_reader_at_once(url: str) -> Engine | None:
    """An engine whose reads never wait for a lock, so that an event loop may make them; None where there is none such.

    A row of a SQLite file that is in use takes a tenth of a millisecond; a server is asked over a network.
    """
    parsed = _parse(url)
    if parsed.drivername not in sqlite.DRIVERS:
        return None
    engine = sqlite.make_engine(parsed, keeps_open=True, busy_timeout_ms=0)
    event.listen(engine, "handle_error", _forget_values)
    return engine


def open_service_database(url: str) -> Engine:
    """An engine that keeps its connections, over a database that is there and has the schema of this version.

    Raises:
        InvalidOption, MissingInput, DatabaseOutOfStep, DatabaseUnavailable: as :func:`require_current`.
    """
    engine = open_engine(url, keeps_open=True)
    require_current(engine)
    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that reads: all of its queries see one state of the database.

    Raises:
        DatabaseUnavailable: for every SQLAlchemyError of the block, without a row in its message.
    """
    try:
        connection = engine.connect()
        try:
            yield connection
        finally:
            uninterrupted(connection.close)
    except SQLAlchemyError as error:
        raise _unavailable(error, engine.url) from None


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that takes the database's one write lock at its start; an error in the block rolls it back.

    Raises:
        DatabaseUnavailable: for every SQLAlchemyError of the block, without a row in its message.
    """
    try:
        connection = engine.execution_options(icd_coder_writes=True).connect()
        try:
            connection.begin()
            yield connection
            uninterrupted(connection.commit)
        finally:
            uninterrupted(connection.close)  # rolls back what was not committed
    except SQLAlchemyError as error:
        raise _unavailable(error, engine.url) from None
    erase_left(engine)


def erase_deleted(engine: Engine) -> None:
    """Overwrite what was deleted in SQLite's write-ahead log.

    While a reader of an older state keeps it, the log is left; every later write, and the jobs' worker every few
    seconds, try again (:func:`erase_left`). In the file itself every deletion overwrites; PostgreSQL overwrites deleted
    rows when it vacuums.

    Raises:
        DatabaseUnavailable: the log cannot be written.
    """
    if not is_sqlite(engine):
        return
    with database_errors(engine.url):
        if not sqlite.empty_log(engine):
            structlog.get_logger().warning("a reader keeps deleted rows in the write-ahead log, erased when it ends")


def erase_left(engine: Engine) -> None:
    """Complete, without waiting, what :func:`erase_deleted` had to leave; a failure leaves it again."""
    if is_sqlite(engine) and sqlite.has_left(engine):
        with suppress(SQLAlchemyError, sqlite3.Error):
            sqlite.empty_log(engine, timeout_ms=0)


def is_sqlite(engine: Engine) -> bool:
    """Whether the database is a file."""
    return engine.dialect.name == "sqlite"


def database_file(url: str) -> Path | None:
    """The file of a SQLite URL, None for a server's database."""
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.drivername in sqlite.DRIVERS else None


def database_name(url: str | URL) -> str:
    """What a message calls the database: its file, or its URL without the password."""
    parsed = parse_url(url) if isinstance(url, str) else url
    return str(parsed.database) if parsed.drivername in sqlite.DRIVERS else shown_url(parsed)


def migrate(url: str) -> None:
    """Create the tables where they are absent and upgrade them to the newest revision, in one transaction.

    Starts that come together take turns; the later ones find nothing to do.

    Raises:
        MissingInput: the folder of the file is not there.
        DatabaseOutOfStep: the database was made by a newer version.
        DatabaseUnavailable: it cannot be reached or written, or has no pgvector.
    """
    engine = open_engine(url)
    try:
        if is_sqlite(engine):
            sqlite.prepare_to_migrate(engine.url)
        with write(engine.execution_options(icd_coder_migrates=True)) as connection:
            if not is_sqlite(engine):
                postgresql.require_extension(connection)
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
        DatabaseUnavailable: it cannot be reached or read.
    """
    if is_sqlite(engine):
        sqlite.require_file(engine.url)
    url = engine.url.render_as_string()
    with read(engine) as connection:
        current, newest = revisions(connection)
    if current != newest:
        raise DatabaseOutOfStep(_out_of_step(url, current, newest))


@contextmanager
def database_errors(url: str | URL) -> Iterator[None]:
    """Turn a driver's error into one sentence that holds no row.

    Raises:
        DatabaseUnavailable: for every error of the driver or of SQLAlchemy in the block.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _unavailable(error, url) from None


def _unavailable(error: SQLAlchemyError | sqlite3.Error, url: str | URL) -> DatabaseUnavailable:
    name = error_name(error)
    remedy = NO_CONNECTION if isinstance(error, PoolTimeout) else sqlite.remedy(name) or postgresql.remedy(name)
    remedy = remedy or f"failed ({name}): run `icd-coder migrate`, or name another with --database"
    return DatabaseUnavailable(f"the database '{database_name(url)}' {remedy}", name)


def error_name(error: SQLAlchemyError | sqlite3.Error) -> str:
    """Name of a database error without its message, such as "SQLITE_BUSY" or "DiskFull"."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return sqlite.error_name(error if original is None else original)  # psycopg's errors are named by their class


def _forget_values(context: ExceptionContext) -> None:
    """Empty the errors themselves: a traceback, a log or a debugger that meets them later finds a name."""
    original, wrapped = context.original_exception, context.sqlalchemy_exception
    name = sqlite.error_name(original)
    original.args = (name,)
    if isinstance(original, UnicodeError):
        original.object = ""  # type: ignore[attr-defined]  # the text that could not be encoded
    if wrapped is not None:
        wrapped.args = (name,)
    if isinstance(wrapped, StatementError):
        wrapped.params = None


def _parse(url: str) -> URL:
    parsed = parse_url(url)
    _backend(parsed)
    return parsed


def _backend(url: URL) -> ModuleType:
    for backend in (sqlite, postgresql):
        if url.drivername in backend.DRIVERS:
            return backend
    raise InvalidOption(f"the database driver '{url.drivername}' is not supported: {EXAMPLE}")


def alembic_config() -> Config:
    """Alembic's configuration, from the installed package; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """Revision of the database, None without our tables, and the newest one of this version."""
    return MigrationContext.configure(connection).get_current_revision(), newest_revision()


def newest_revision() -> str | None:
    """Revision of the schema of this version."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def _upgrade(connection: Connection, url: str) -> None:
    current, newest = revisions(connection)
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
    name, shown = database_name(url), shown_url(parse_url(url))
    if current is None:
        return f"'{name}' holds no tables of icd-coder: run `icd-coder migrate --database {shown}`"
    if _is_known(current):
        return (
            f"the database '{name}' has the schema {current}, this version needs {newest}: "
            f"run `icd-coder migrate --database {shown}`"
        )
    return (
        f"the database '{name}' has the unknown schema {current}, newer than {newest}: "
        "update icd-coder or name another database"
    )
