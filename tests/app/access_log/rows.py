"""Rows of an access log, for tests."""

from sqlalchemy import Engine, select, text

from app.access_log.hash_chain import Entry, append, last_link
from app.database.engine import is_sqlite, write
from app.database.tables import AccessLogRow


def add_rows(engine: Engine, count: int) -> None:
    """Append rows of invented requests, each in a transaction of its own."""
    for _ in range(count):
        with write(engine) as connection:
            number = last_link(connection).sequence + 1
            append(connection, Entry("0123456789abcdef", "POST /v1/predict", [f"n{number}", "ü"], 200, f"r{number}"))


def deletion_of(note_id: str) -> Entry:
    """The row of a request that deletes a note."""
    return Entry("0123456789abcdef", "DELETE /v1/notes/{note_id}", [note_id], 200, "r1")


def tamper(engine: Engine, *statements: str) -> None:
    """Change rows as somebody who owns the database can: with the triggers out of the way, and back in their place."""
    with write(engine) as connection:
        if is_sqlite(engine):
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'access_log'"
            triggers = connection.execute(text(query)).all()
            off = [f"DROP TRIGGER {name}" for name, _ in triggers]
            on = [sql for _, sql in triggers]
        else:
            off, on = ([f"ALTER TABLE access_log {word} TRIGGER ALL"] for word in ("DISABLE", "ENABLE"))
        for statement in (*off, *statements, *on):
            connection.execute(text(statement))


def logged(engine: Engine) -> list[tuple[str, str, str, int | None]]:
    """Who, action, note ids and status of every row."""
    columns = (AccessLogRow.who, AccessLogRow.action, AccessLogRow.note_ids, AccessLogRow.status)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(AccessLogRow.sequence))]
