"""Limits of what one key may hold for long: answers that are streamed, and the files of jobs that are being sent."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Overloaded, RateLimited

MOST_STREAMS = 16
"""Most streams open at the same time, so that they do not slow other requests down."""
MOST_UPLOADS = 8
"""Most files of jobs in memory at the same time."""
WAIT_SECONDS = 5
"""What a key beyond its limit is asked to wait."""


class ConcurrencyLimit:
    """Counts what is held now, in all and by key."""

    def __init__(self, what: str, most: int, most_by_key: int) -> None:
        """Nothing is held.

        Args:
            what: in the plural, for messages.
        """
        self._what = what
        self._most = most
        self._most_by_key = most_by_key
        self._by_key: Counter[str] = Counter()

    @contextmanager
    def hold(self, who: str) -> Iterator[None]:
        """Hold one for a key during the block.

        Raises:
            RateLimited: the key has its most.
            Overloaded: all keys together do.
        """
        if self._by_key[who] >= self._most_by_key:
            raise RateLimited(f"the access key has {self._most_by_key} {self._what} open, its limit", WAIT_SECONDS)
        if self._by_key.total() >= self._most:
            raise Overloaded(f"{self._most} {self._what} are open already: send the request again later", WAIT_SECONDS)
        self._by_key[who] += 1
        try:
            yield
        finally:
            self._by_key[who] -= 1
            if not self._by_key[who]:
                del self._by_key[who]
