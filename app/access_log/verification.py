"""Verifies the chain of the access log, and that it still reaches as far as an anchor says.

An anchor is a file that is kept elsewhere and holds the end of the chain at an earlier verification. Without it, the
chain cannot show that its last rows were removed, or that all of it was written anew.
"""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Row, func, select, text

from app.access_log.hash_chain import COMMAND_LINE, GENESIS, Entry, Link, append, row_hash
from app.database.engine import read, require_current, write
from app.database.tables import AccessLogRow
from app.errors import BrokenChain
from model.atomic_output import write_atomically
from model.errors import MalformedInput
from model.progress import progress_bar

ANCHORED = "verify-log makes an anchor"
"""Action of the row that a first anchor leaves in the log."""
REFUSES = "BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END"
SQLITE_TRIGGERS: dict[str, tuple[object, ...]] = {
    "access_log_update": (f"CREATE TRIGGER access_log_update BEFORE update ON access_log {REFUSES}",),
    "access_log_delete": (f"CREATE TRIGGER access_log_delete BEFORE delete ON access_log {REFUSES}",),
    "access_log_insert": (
        "CREATE TRIGGER access_log_insert BEFORE INSERT ON access_log "  # noqa: S608 - text to compare with
        f"WHEN EXISTS (SELECT 1 FROM access_log WHERE sequence = NEW.sequence) {REFUSES}",
    ),
}
"""By name, their whole text as the schema makes them: a part of it could stand in a comment, and refuse nothing."""
POSTGRESQL_TRIGGERS: dict[str, tuple[object, ...]] = {
    "access_log_change": (
        True, 58, None, "", "plpgsql", " BEGIN RAISE EXCEPTION 'the access log is append-only'; END "
    )
}  # fmt: skip
"""By name: whether it is on, its events (before UPDATE, DELETE and TRUNCATE, once a statement), its condition and
columns, and the language and text of its function."""
TRIGGERS_OF_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'access_log'"
TRIGGERS_OF_POSTGRESQL = (
    "SELECT t.tgname, t.tgenabled IN ('O', 'A'), t.tgtype, t.tgqual::text, t.tgattr::text, l.lanname, p.prosrc "
    "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang "
    "WHERE t.tgrelid = 'access_log'::regclass AND NOT t.tgisinternal"
)
COLUMNS = tuple(column.name for column in AccessLogRow.__table__.columns if column.name != "hash")


def verify_chain(engine: Engine, anchor: Link | None = None) -> Link:
    """Check every row, with a progress bar; the end of the chain.

    Raises:
        BrokenChain: names the first row that was changed, replaced or removed, or the triggers that are missing.
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database cannot be read.
    """
    require_current(engine)
    with read(engine) as connection:
        last = _walk(connection, anchor)
        missing = _missing_triggers(connection)
    if anchor is not None and last.sequence < anchor.sequence:
        raise BrokenChain(
            f"the access log ends at row {last.sequence}, the anchor knows {anchor.sequence} rows: "
            f"row {last.sequence + 1} and what followed were removed"
        )
    if missing:
        raise BrokenChain(
            f"the rows are whole, but nothing keeps them from being changed: the triggers {', '.join(missing)} of the "
            "access log are missing, changed, switched off or not ours; find out who did that, then restore a backup"
        )
    return last


def was_anchored(engine: Engine) -> bool:
    """Whether the log says that an anchor was made of it, so that one which is gone was not merely never made."""
    with read(engine) as connection:
        made = select(AccessLogRow.sequence).where(AccessLogRow.action == ANCHORED).limit(1)
        return connection.scalar(made) is not None


def note_anchor(engine: Engine) -> Link:
    """Write into the log that an anchor is made of it; the new end, which the anchor is to hold."""
    with write(engine) as connection:
        return append(connection, Entry(COMMAND_LINE, ANCHORED))


def _missing_triggers(connection: Connection) -> list[str]:
    """Names of the log's triggers that are not as the schema makes them, and of others, which could skip rows."""
    is_sqlite = connection.dialect.name == "sqlite"
    wanted = SQLITE_TRIGGERS if is_sqlite else POSTGRESQL_TRIGGERS
    query = TRIGGERS_OF_SQLITE if is_sqlite else TRIGGERS_OF_POSTGRESQL
    found = {name: tuple(rest) for name, *rest in connection.execute(text(query))}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def _walk(connection: Connection, anchor: Link | None) -> Link:
    total = connection.scalar(select(func.count()).select_from(AccessLogRow)) or 0
    query = select(AccessLogRow.__table__).order_by(AccessLogRow.sequence)
    last = Link(0, GENESIS)
    _require_anchored(last, anchor)
    with (
        progress_bar("verify-log", total=total, unit="row") as bar,
        connection.execute(query, execution_options={"yield_per": 1024}) as rows,
    ):
        while (row := _next(rows, last)) is not None:
            last = _checked(row, last)
            _require_anchored(last, anchor)
            bar.update(1)
    return last


def _next(rows: CursorResult[Any], last: Link) -> Row[Any] | None:
    """The next row, None after the last; a value that its column cannot hold means that the row was changed."""
    try:
        return rows.fetchone()
    except (ValueError, TypeError):
        raise BrokenChain(f"row {last.sequence + 1} of the access log was changed: it cannot be read") from None


def _checked(row: Row[Any], last: Link) -> Link:
    """The row's link. Raises BrokenChain unless the row follows the last one and has the hash of its content."""
    if row.sequence != last.sequence + 1:
        raise BrokenChain(f"row {last.sequence + 1} of the access log is missing: row {row.sequence} comes next")
    if row.previous_hash != last.hash:
        raise BrokenChain(f"row {row.sequence} of the access log does not follow row {last.sequence}: one was replaced")
    if _digest(row) != row.hash:
        raise BrokenChain(f"row {row.sequence} of the access log was changed: it differs from its hash")
    return Link(row.sequence, row.hash)


def _digest(row: Row[Any]) -> str | None:
    """The hash of the row's content; None where SQLite holds a value that the column's type forbids."""
    try:
        return row_hash(**{name: getattr(row, name) for name in COLUMNS})
    except (TypeError, AttributeError):
        return None


def _require_anchored(link: Link, anchor: Link | None) -> None:
    if anchor is not None and link.sequence == anchor.sequence and link.hash != anchor.hash:
        raise BrokenChain(
            f"row {link.sequence} of the access log has another hash than the anchor: it or a row before was rewritten"
        )


def read_anchor(path: Path) -> Link | None:
    """The end of the log at the last verification, None where there is no file yet.

    Raises:
        MalformedInput: the file is no anchor.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows, digest = content["rows"], content["hash"]
    except (ValueError, KeyError, TypeError):
        raise _no_anchor(path) from None
    if not isinstance(rows, int) or rows < 0 or not isinstance(digest, str):
        raise _no_anchor(path)
    return Link(rows, digest)


def write_anchor(path: Path, link: Link) -> None:
    """Replace the anchor.

    Raises:
        UnwritableOutput: it cannot be written.
    """
    write_atomically(path, json.dumps({"rows": link.sequence, "hash": link.hash}).encode() + b"\n")


def _no_anchor(path: Path) -> MalformedInput:
    return MalformedInput(f"'{path}' is no anchor of an access log: name the file that `verify-log --anchor` wrote")
