"""When an access key was last used: noted where the database can be written, and never a reason to refuse a request."""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import structlog
from sqlalchemy import Engine, update

from app.database.engine import write
from app.database.tables import ApiKey
from app.errors import DatabaseUnavailable

PAUSE_SECONDS = 60.0
"""After a failure nothing is tried for so long: a lock is waited for, and every request would wait anew."""


class KeyUses:
    """Notes the uses of the keys of one database."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = monotonic) -> None:
        self.engine = engine
        self._clock = clock
        self._next_try = float("-inf")

    @property
    def paused(self) -> bool:
        """Whether the last try failed a moment ago."""
        return self._clock() < self._next_try

    def note(self, key_id: str) -> None:
        """Store that the key is used now; a database that cannot be written is logged by the name of its error."""
        if self.paused:
            return
        try:
            with write(self.engine) as connection:
                used = update(ApiKey).where(ApiKey.key_id == key_id).values(last_used_at=datetime.now(UTC))
                connection.execute(used)
        except DatabaseUnavailable as error:
            self._next_try = self._clock() + PAUSE_SECONDS
            structlog.get_logger().warning("the use of a key cannot be noted", error=error.cause)
