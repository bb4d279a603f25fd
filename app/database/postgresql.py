"""PostgreSQL with pgvector: a server in a hospital, whose own log must not hold a note either."""

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from app.database.password_file import use_password_file
from app.database.shown_url import shown_url
from app.errors import DatabaseUnavailable
from model.errors import InvalidOption

DRIVERS = ("postgresql+psycopg",)
EXTENSION = "vector"
MINIMUM_EXTENSION = (0, 8)
"""halfvec came with 0.7; 0.8 is the oldest version that this was tested with."""
LOCK_TIMEOUT = "5s"
MIGRATION_LOCK_TIMEOUT = "5min"
CONNECT_SECONDS = 10
POOL_SECONDS = 5
"""How long a request waits for a connection when all are in use."""
WRITER_LOCK = 0x1CD0C0DE
"""Key of the advisory lock that makes writers, and so migrations, take turns as SQLite's write lock does."""

PRIVATE_LOG = {
    "log_min_messages": "fatal",  # no ERROR: its first line can hold a value ("invalid input syntax ...")
    "log_error_verbosity": "terse",  # no DETAIL, which holds the failing row
    "log_min_error_statement": "panic",  # no STATEMENT
    "log_parameter_max_length": "0",  # no values beside slow statements
    "log_parameter_max_length_on_error": "0",
}
"""Settings of the session that keep rows out of the server's log, each by itself; they need a privilege. What failed
is in our own log, by class and place."""

_GONE = "cannot be reached: start the server, see that database, role and password are right, or mend --database"
_LOCKED = "is locked by another process: wait for it or stop it"
REMEDIES = {
    "OperationalError": _GONE,
    "InterfaceError": _GONE,
    "ConnectionTimeout": _GONE,
    "AdminShutdown": _GONE,
    "CrashShutdown": _GONE,
    "CannotConnectNow": _GONE,
    "LockNotAvailable": _LOCKED,
    "DeadlockDetected": _LOCKED,
    "SerializationFailure": _LOCKED,
    "ReadOnlySqlTransaction": "is read-only: name the primary server, or a role that may write",
    "InsufficientPrivilege": "does not let this role do that: grant it the tables, or name another role",
    "DiskFull": "has no room left on its disk: free some and try again",
    "DataCorrupted": "is damaged: restore it from a backup or index into a new one",
    "IndexCorrupted": "is damaged: restore it from a backup or index into a new one",
}


def make_engine(
    url: URL,
    keeps_open: bool = True,  # noqa: ARG001 - connections to a server are always kept
    busy_timeout_ms: int = 0,  # noqa: ARG001 - the lock's timeout is that of the session
) -> Engine:
    """An engine whose sessions keep rows out of the server's log; nothing is connected yet.

    Raises:
        InvalidOption: no database is named, the packages are not installed, or the URL's password is not clear.
        DatabaseUnavailable: the file of the password cannot be read.
    """
    if not url.database:
        raise InvalidOption(
            f"the database URL '{shown_url(url)}' names no database: "
            "give a URL such as postgresql+psycopg://user@host/database"
        )
    try:
        import pgvector.sqlalchemy  # noqa: F401 - names the type halfvec to SQLAlchemy's reflection

        # pre-ping: a restarted server costs no request.
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=POOL_SECONDS,
            connect_args={"connect_timeout": CONNECT_SECONDS},
        )
    except ModuleNotFoundError as error:
        raise InvalidOption(
            f"PostgreSQL needs the package '{error.name}': install it with `pip install 'icd-coder[postgres]'`"
        ) from None
    use_password_file(engine)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def error_name(error: BaseException) -> str:
    """Such as "DiskFull": psycopg has a class for every SQLSTATE."""
    return type(error).__name__


def remedy(name: str) -> str | None:
    """What is wrong and what to do, for the name of an error."""
    return REMEDIES.get(name)


def require_extension(connection: Connection) -> None:
    """Raise unless the server has pgvector, or could have it at once, in a version that we can use.

    Raises:
        DatabaseUnavailable: it has not.
    """
    query = text("SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = :name")
    version = connection.scalar(query, {"name": EXTENSION})
    needed = ".".join(map(str, MINIMUM_EXTENSION))
    name = shown_url(connection.engine.url)
    if version is None:
        raise DatabaseUnavailable(
            f"the server of '{name}' has no pgvector: install pgvector {needed} or later on it, or use sqlite:///FILE"
        )
    if tuple(int(part) for part in str(version).split(".")[:2]) < MINIMUM_EXTENSION:
        raise DatabaseUnavailable(
            f"the database '{name}' has pgvector {version}, {needed} is needed: "
            "update it on the server and run `ALTER EXTENSION vector UPDATE`"
        )


def require_private_log(connection: Connection) -> None:
    """Raise unless this session keeps rows out of the server's log; called before a text is sent.

    Raises:
        DatabaseUnavailable: the server would log failing rows, and the role may not change that.
    """
    open_settings = [
        name
        for name, wanted in PRIVATE_LOG.items()
        if connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) != wanted
    ]
    if open_settings:
        role = connection.scalar(text("SELECT current_user"))
        raise DatabaseUnavailable(
            f"the server of '{shown_url(connection.engine.url)}' could write note text to its own log: let its "
            f"administrator run `GRANT SET ON PARAMETER {', '.join(open_settings)} TO {role}`, or store no text"
        )


def _prepare_connection(connection: Any, _record: object) -> None:
    """Set what the role may set; psycopg's connection is in autocommit while it does."""
    connection.autocommit = True
    connection.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted(name, value) "
        "WHERE has_parameter_privilege(name, 'SET')",
        [list(PRIVATE_LOG), list(PRIVATE_LOG.values())],
    )
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    connection.execute("SET max_parallel_workers_per_gather = 2")  # for a search's scan, whatever the server's default
    connection.execute("SET jit = off")  # compiling costs more than our short queries
    connection.autocommit = False


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("icd_coder_migrates", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'")
    if options.get("icd_coder_writes", False):
        # Whatever the server's default: a snapshot of before the lock would show the writer an old state.
        lock = f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; {lock}")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
