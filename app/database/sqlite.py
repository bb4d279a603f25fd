"""The SQLite engine: write-ahead log, busy timeout, foreign keys, and transactions with an explicit BEGIN."""

import sqlite3
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, Pool, QueuePool

from app.database.shown_url import shown_url
from app.errors import DatabaseUnavailable
from model.errors import InvalidOption, MissingInput
from model.private_files import make_file

DRIVERS = ("sqlite", "sqlite+pysqlite")
FILE = "icd_coder_file"
"""Key of ``Connection.info``: identity of the open file, by which a replaced file of the same name is noticed."""
BUSY_TIMEOUT_MS = 5_000
RETRY_SECONDS = 0.02
POOL_SECONDS = 5
"""How long a request waits for a connection when all are in use."""
ERASE_TIMEOUT_MS = 500
"""How long a deletion waits for readers, and holds up other writers meanwhile; then it is completed later."""
_LEFT: WeakSet[Pool] = WeakSet()
"""Pools of the files whose write-ahead log may still hold deleted rows."""

REMEDIES = {
    "SQLITE_BUSY": "is locked by another process: wait for it or stop it",
    "SQLITE_LOCKED": "is locked by another process: wait for it or stop it",
    "SQLITE_READONLY": "is read-only: fix the permissions of the file and its folder",
    "SQLITE_CANTOPEN": "cannot be opened: check that it exists, and fix the permissions of the file and its folder",
    "SQLITE_FULL": "has no room left on its disk: free some and try again",
    "SQLITE_IOERR": "cannot be read or written on its disk: see that the disk has room and works, and try again",
    "SQLITE_NOTADB": "is no SQLite database: name another file with --database",
    "SQLITE_CORRUPT": "is damaged: restore it from a backup or index into a new one",
}
"""By the start of the error's name, because SQLite has extended names such as SQLITE_READONLY_DBMOVED."""


def make_engine(url: URL, keeps_open: bool = False, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """An engine over a file; nothing is opened yet.

    With ``keeps_open`` connections are kept until the engine is disposed of. When the last connection to a file closes,
    SQLite copies the whole write-ahead log into the file and deletes it, which a service would do at every request.
    ``busy_timeout_ms`` is how long to wait for a lock that another connection holds.

    Raises:
        InvalidOption: the URL names no file, or has options.
    """
    if not url.database or url.database == ":memory:":
        raise InvalidOption(
            f"the database URL '{shown_url(url)}' names no file: give a URL such as sqlite:///file.sqlite3"
        )
    if url.query or url.database.startswith("file:"):
        raise InvalidOption(
            f"the database URL '{shown_url(url)}' has options, which are not supported: give a URL such as "
            "sqlite:///file.sqlite3"
        )
    path = Path(url.database).absolute()
    address = f"{path.as_uri()}?mode=rw"  # a file that is gone is not made anew

    def connect() -> sqlite3.Connection:
        # The file is looked at first: when it is replaced in between, the next connection has another one.
        file = _identity(path)
        connection = sqlite3.connect(
            address, uri=True, timeout=busy_timeout_ms / 1000, check_same_thread=False, factory=_FileConnection
        )
        connection.file = file
        return connection

    pool = {"poolclass": QueuePool, "pool_timeout": POOL_SECONDS} if keeps_open else {"poolclass": NullPool}
    engine = create_engine(url, hide_parameters=True, creator=connect, **pool)
    event.listen(engine, "connect", _prepare_connection)

    def require_same_file(_connection: _FileConnection, record: ConnectionPoolEntry, _borrowed: object) -> None:
        # A kept connection would read a file that was deleted or replaced, and not recover when it is back.
        if record.info[FILE] != _identity(path):
            raise DisconnectionError("the file is another one")

    if keeps_open:
        event.listen(engine, "checkout", require_same_file)
    event.listen(engine, "begin", _begin)
    return engine


def prepare_to_migrate(url: URL) -> None:
    """Make the file where it is absent, in WAL mode.

    Raises:
        MissingInput: its folder is not there.
        DatabaseUnavailable: it cannot be written, or is no database.
    """
    path = Path(str(url.database))
    if not path.parent.is_dir():
        raise MissingInput(f"the folder '{path.parent}' of the database does not exist: make it or fix --database")
    make_file(path)  # SQLite's own would have the mode of the umask; its -wal and -shm have the mode of the file
    _use_wal(path)


def require_file(url: URL) -> None:
    """Raise MissingInput unless the file is there: connecting would make an empty one."""
    path = Path(str(url.database))
    if not path.is_file():
        raise MissingInput(
            f"the database '{path}' is not there: make it with "
            f"`icd-coder index --bundle BUNDLE --data DATA --database {shown_url(url)}`"
        )


def empty_log(engine: Engine, timeout_ms: int = ERASE_TIMEOUT_MS) -> bool:
    """Copy the write-ahead log into the file and empty it, outside of a transaction.

    Returns:
        False if a reader of an older state, of any process, is in the way: :func:`has_left` then says so.

    Raises:
        sqlite3.Error, SQLAlchemyError: the log cannot be written; :func:`has_left` says so, too.
    """
    _LEFT.discard(engine.pool)  # before, so that what another thread leaves meanwhile is not forgotten
    is_empty = False
    try:
        is_empty = _checkpoint(engine, timeout_ms)
    finally:
        if not is_empty:
            _LEFT.add(engine.pool)
    return is_empty


def has_left(engine: Engine) -> bool:
    """Whether the last :func:`empty_log` of this process could not empty the log."""
    return engine.pool in _LEFT


def _checkpoint(engine: Engine, timeout_ms: int) -> bool:
    connection = engine.raw_connection()  # engine.connect() would begin a transaction
    try:
        cursor = connection.cursor()
        (usual,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {timeout_ms}")
        try:
            busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")
    finally:
        connection.close()
    return not busy


def error_name(error: BaseException) -> str:
    """Such as "SQLITE_BUSY"."""
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def remedy(name: str) -> str | None:
    """What is wrong and what to do, for the name of an error."""
    return next((text for prefix, text in REMEDIES.items() if name.startswith(prefix)), None)


class _FileConnection(sqlite3.Connection):
    file: tuple[int, int] | None = None


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of the file, None where it cannot be seen: SQLite then says why."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare_connection(connection: _FileConnection, record: ConnectionPoolEntry) -> None:
    record.info[FILE] = connection.file
    connection.isolation_level = None  # sqlite3 itself would begin late and commit before DDL
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # an acknowledged write survives a power cut, too
    connection.execute("PRAGMA secure_delete = ON")  # a deleted note is overwritten, not only unlinked


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("icd_coder_writes", False)
    # IMMEDIATE: SQLite refuses without waiting to upgrade a read transaction that has been overtaken.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


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
            name = error_name(error)
            if not name.startswith("SQLITE_BUSY") or monotonic() > deadline:
                raise DatabaseUnavailable(f"the database '{path}' {remedy(name) or f'failed ({name})'}", name) from None
        sleep(RETRY_SECONDS)
