"""Writing the access log of the service: with the effect or not at all, and before the answer is given."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from app.access_log.chain import Entry, append
from app.database.engine import write

Effect = Callable[[Connection], object]
"""Changes the database inside the transaction that it is given."""


@dataclass(frozen=True)
class Journal:
    """The access log of one database; without a database there is nothing to read or change."""

    engine: Engine | None

    async def write(self, entry: Entry, effect: Effect | None = None) -> None:
        """Log a request that read notes, in one transaction with its effect where it has one.

        A request that met no note and changed nothing leaves no row.

        Raises:
            DatabaseUnavailable: the row cannot be written, so neither is the effect.
            What the effect raises: nothing was written.
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
