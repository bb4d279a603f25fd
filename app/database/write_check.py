"""Whether a database can be written: a full disk, a locked or a read-only file is seen before a request meets it."""

import threading
from collections.abc import Callable
from time import monotonic

from sqlalchemy import Engine, update

from app.database.engine import open_engine, write
from app.database.tables import EmbeddingChanges
from app.errors import DatabaseUnavailable

KNOWN_SECONDS = 5.0
"""How long an outcome is told again: probes ask without a key, and each look is a write."""
WAIT_MS = 1_000
"""How long a lock is waited for, less than a probe's own patience."""


class WriteCheck:
    """Writes a row as it is, and remembers for a while whether that went well."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = monotonic) -> None:
        self._engine = open_engine(engine.url.render_as_string(hide_password=False), busy_timeout_ms=WAIT_MS)
        self._clock = clock
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._found: DatabaseUnavailable | None = None

    def run(self) -> None:
        """Look, at most once in a few seconds; who comes meanwhile is told what was found before.

        Raises:
            DatabaseUnavailable: the database cannot be written.
        """
        if self._clock() - self._looked >= KNOWN_SECONDS and self._looking.acquire(blocking=False):
            try:
                self._found = self._look()
                self._looked = self._clock()
            finally:
                self._looking.release()
        if self._found is not None:
            raise DatabaseUnavailable(str(self._found), self._found.cause)

    def _look(self) -> DatabaseUnavailable | None:
        try:
            with write(self._engine) as connection:
                connection.execute(update(EmbeddingChanges).values(version=EmbeddingChanges.version))
        except DatabaseUnavailable as error:
            return error
        return None
