"""Does the chain of the access log hold, and does it still reach as far as an anchor says."""

from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Row, func, select

from app.access_log.chain import GENESIS, Link, row_hash
from app.database.engine import read, require_current
from app.database.tables import AccessLogRow
from app.errors import BrokenChain
from model.progress import progress_bar

COLUMNS = tuple(column.name for column in AccessLogRow.__table__.columns if column.name != "hash")


def verify_chain(engine: Engine, anchor: Link | None = None) -> Link:
    """Walk the chain with a progress bar; its end.

    Raises:
        BrokenChain: names the first row that does not hold, or the end that is missing.
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database cannot be read.
    """
    require_current(engine)
    with read(engine) as connection:
        last = _walk(connection, anchor)
    if anchor is not None and last.sequence < anchor.sequence:
        raise BrokenChain(
            f"the access log ends at row {last.sequence}, the anchor knows {anchor.sequence} rows: "
            f"row {last.sequence + 1} and what followed were removed"
        )
    return last


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
    """The next row, None after the last; a value that is none of its column's is a changed row."""
    try:
        return rows.fetchone()
    except (ValueError, TypeError):
        raise BrokenChain(f"row {last.sequence + 1} of the access log was changed: it cannot be read") from None


def _checked(row: Row[Any], last: Link) -> Link:
    """The row's link, when it follows the last one and its hash is its own."""
    if row.sequence != last.sequence + 1:
        raise BrokenChain(f"row {last.sequence + 1} of the access log is missing: row {row.sequence} comes next")
    if row.previous_hash != last.hash:
        raise BrokenChain(f"row {row.sequence} of the access log does not follow row {last.sequence}: one was replaced")
    if _digest(row) != row.hash:
        raise BrokenChain(f"row {row.sequence} of the access log was changed: it differs from its hash")
    return Link(row.sequence, row.hash)


def _digest(row: Row[Any]) -> str | None:
    """The hash that the row should have; None of a value that SQLite holds though the column's type forbids it."""
    try:
        return row_hash(**{name: getattr(row, name) for name in COLUMNS})
    except (TypeError, AttributeError):
        return None


def _require_anchored(link: Link, anchor: Link | None) -> None:
    if anchor is not None and link.sequence == anchor.sequence and link.hash != anchor.hash:
        raise BrokenChain(
            f"row {link.sequence} of the access log has another hash than the anchor: it or a row before was rewritten"
        )
