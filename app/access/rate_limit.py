"""How often a key may be used; counted in this process, of which a service has one."""

import math
import time

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.errors import RateLimited
from app.settings import PREFIX
from model.errors import InvalidOption

NO_LIMIT = "none"


class RateLimits:
    """Counts the requests of each key in moving windows."""

    def __init__(self, limits: str) -> None:
        """Read the setting, such as ``600/minute`` or ``20/second;5000/hour``.

        Raises:
            InvalidOption: it is no limit.
        """
        self._items = _parsed(limits)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, key_id: str) -> None:
        """Count a request.

        Raises:
            RateLimited: a limit is reached; the request is not counted there.
        """
        for item in self._items:
            if not self._limiter.hit(item, key_id):
                free = self._limiter.get_window_stats(item, key_id).reset_time
                raise RateLimited(_words(item), max(1, math.ceil(free - time.time())))


def _parsed(limits: str) -> list[RateLimitItem]:
    if limits.strip().lower() == NO_LIMIT:
        return []
    try:
        items = parse_many(limits)
    except ValueError:
        items = []
    if not items or any(item.amount < 1 or item.multiples < 1 for item in items):
        raise InvalidOption(
            f"the setting {PREFIX}RATE_LIMIT cannot be used: '{limits}' is no limit such as 600/minute, "
            f"20/second;5000/hour or {NO_LIMIT}"
        )
    return items


def _words(item: RateLimitItem) -> str:
    period = item.GRANULARITY.name if item.multiples == 1 else f"{item.multiples} {item.GRANULARITY.name}s"
    return f"{item.amount} requests per {period}"
