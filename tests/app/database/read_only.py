"""A database that reads but cannot be written, on either engine, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from app.database.engine import is_sqlite


@contextmanager
def read_only(engine: Engine) -> Iterator[None]:
    """Every transaction of this engine is one in a file, or on a server, that is read-only."""
    statement = "PRAGMA query_only = ON" if is_sqlite(engine) else "SET TRANSACTION READ ONLY"

    def forbid(connection: object, *_: object) -> None:
        connection.exec_driver_sql(statement)  # type: ignore[attr-defined]

    event.listen(engine, "begin", forbid)
    try:
        yield
    finally:
        event.remove(engine, "begin", forbid)
        if is_sqlite(engine):
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA query_only = OFF")
