"""The chain of the access log: each row's hash covers the row and the hash of the row before."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from app.database.tables import AccessLogRow

GENESIS = "0" * 64
"""The previous hash of the first row."""
COMMAND_LINE = "command-line"
"""The caller in rows of the command line, which has direct access to the database."""


@dataclass(frozen=True)
class Entry:
    """A row that is to be appended. It holds ids and fixed words, never text of a note."""

    who: str
    """A key's id, ``no-auth`` or ``command-line``."""
    action: str
    """Method and template of the route, or the verb."""
    note_ids: Sequence[str] = ()
    status: int | None = None
    """HTTP status of the answer; None for a verb of the command line."""
    request_id: str | None = None


class Link(NamedTuple):
    """A place in the chain."""

    sequence: int
    hash: str


def last_link(connection: Connection) -> Link:
    """The end of the chain; (0, GENESIS) of an empty one."""
    query = select(AccessLogRow.sequence, AccessLogRow.hash).order_by(AccessLogRow.sequence.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return Link(0, GENESIS) if row is None else Link(*row)


def append(connection: Connection, entry: Entry) -> Link:
    """Add a row in the caller's transaction, so that it is there exactly when the effect is.

    Raises:
        ValueError: the transaction has not taken the write lock, without which two writers would fork the chain.
    """
    if not connection.get_execution_options().get("icd_coder_writes", False):
        raise ValueError("append() needs a transaction of write(engine)")
    last = last_link(connection)
    row: dict[str, Any] = {
        "sequence": last.sequence + 1,
        "at": datetime.now(UTC),
        "request_id": entry.request_id,
        "who": entry.who,
        "action": entry.action,
        "note_ids": json.dumps(list(entry.note_ids), separators=(",", ":")),
        "status": entry.status,
        "previous_hash": last.hash,
    }
    digest = row_hash(**row)
    connection.execute(insert(AccessLogRow).values(**row, hash=digest))
    return Link(last.sequence + 1, digest)


def row_hash(
    *,
    sequence: int,
    at: datetime,
    request_id: str | None,
    who: str,
    action: str,
    note_ids: str,
    status: int | None,
    previous_hash: str,
) -> str:
    """SHA-256 of the previous hash and the row as a JSON list in ASCII, hex."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    row = json.dumps([sequence, moment, request_id, who, action, note_ids, status], separators=(",", ":"))
    return hashlib.sha256(f"{previous_hash}{row}".encode("ascii")).hexdigest()
