"""Writes the access log of the service: in the transaction of the change that it records, before the answer is sent."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, Engine

from app.access_log.hash_chain import Entry, append
from app.database.engine import write
from app.database.write_check import WriteCheck

Effect = Callable[[Connection], object]
"""A change of the database, made in the given transaction."""


@dataclass(frozen=True)
class Journal:
    """The access log of one database. Without a database nothing is logged: no stored note can be read or changed."""

    engine: Engine | None

    def require_writable(self) -> None:
        """Check that a row could be written now; see :class:`app.database.write_check.WriteCheck`.

        Raises:
            DatabaseUnavailable: requests that read stored notes are refused until it can.
        """
        if self.engine is not None:
            self._check.run()

    @cached_property
    def _check(self) -> WriteCheck:
        if self.engine is None:
            raise ValueError("there is no database to check")
        return WriteCheck(self.engine)

    async def write(self, entry: Entry, effect: Effect | None = None) -> None:
        """Log a request that read or changed notes, in one transaction with its change.

        A request that read no note and changed nothing leaves no row.

        Raises:
            DatabaseUnavailable: the row cannot be written, so the change is not made either.
            What ``effect`` raises: nothing was written.
        """
        if self.engine is not None and (entry.note_ids or effect is not None):
            await asyncio.to_thread(write_entry, self.engine, entry, effect)


def write_entry(engine: Engine, entry: Entry, effect: Effect | None = None) -> None:
    """Run the effect and append the row in one transaction.

    Raises:
        As :meth:`Journal.write`.
    """
    with write(engine) as connection:
        if effect is not None:
            effect(connection)
        append(connection, entry)
