"""Rate limits: of requests by key, and of unauthenticated requests by address. Counted in this process."""

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, memory
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from app.errors import RateLimited
from app.settings import PREFIX
from model.errors import InvalidOption

EXPIRY_SECONDS = 5.0
"""How often old counters are removed from memory; a count itself never includes them."""


def _seldom(_interval: float, remove: Callable[[], None]) -> threading.Timer:
    """A timer that does not keep the process from ending."""
    timer = threading.Timer(EXPIRY_SECONDS, remove)
    timer.daemon = True
    return timer


# The library counts by the time of day: a clock that is set back would keep a key out, one set forward let it in.
memory.time = SimpleNamespace(time=time.monotonic)  # type: ignore[assignment, attr-defined]
# It also starts a thread for nearly every request, to remove old counters 10 ms later: half a millisecond each.
memory.threading = SimpleNamespace(Timer=_seldom, RLock=threading.RLock)  # type: ignore[assignment, attr-defined]

NO_LIMIT = "none"
BUCKETS = 1 << 16
"""Most counters of unauthenticated requests, however many addresses they come from."""
IPV6_NETWORK = 64
"""Prefix length of the IPv6 network that one customer has."""


class RateLimits:
    """Counts the requests of each key in moving windows."""

    def __init__(self, limits: str) -> None:
        """Read the setting, such as ``600/minute`` or ``20/second;5000/hour``.

        Raises:
            InvalidOption: it is no limit.
        """
        self._items = _parsed(limits, "RATE_LIMIT")
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, key_id: str, number: int = 1, counted: int = 0) -> None:
        """Count a request, or ``number`` further notes of a request of which ``counted`` were counted before.

        Raises:
            RateLimited: a limit is reached; nothing is counted.
            InvalidOption: the number is above the limit itself.
        """
        for item in self._items:
            if counted + number > item.amount:
                raise InvalidOption(f"the access key has {_words(item)}, which this request exceeds: send it in parts")
            if not self._limiter.test(item, key_id, cost=number):
                reset = self._limiter.get_window_stats(item, key_id).reset_time
                raise _limited(f"the access key has had its {_words(item)}", reset)
        for item in self._items:
            self._limiter.hit(item, key_id, cost=number)


class StrangerLimits:
    """Counts the requests without a valid key by address, in fixed windows and a fixed number of counters.

    Addresses may share a counter. A request with a valid key is never counted here.
    """

    def __init__(self, limits: str) -> None:
        """Read the setting.

        Raises:
            InvalidOption: it is no limit.
        """
        self._items = _parsed(limits, "STRANGER_LIMIT")
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def count(self, address: str) -> None:
        """Count a refused request.

        Raises:
            RateLimited: a limit is reached.
        """
        bucket = str(hash(network_of(address)) % BUCKETS)  # salted: a client cannot choose whose counter it fills
        for item in self._items:
            if not self._limiter.hit(item, bucket):
                reset = self._limiter.get_window_stats(item, bucket).reset_time
                raise _limited(f"this address has had its {_words(item)} without a valid access key", reset)


@lru_cache(4096)
def network_of(address: str) -> str:
    """The unit that is counted: an IPv4 address, an IPv6 network, or the name that the server gives the client."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_NETWORK), strict=False).network_address)


def _limited(what: str, reset_time: float) -> RateLimited:
    return RateLimited(what, max(1, math.ceil(reset_time - time.monotonic())))


def _parsed(limits: str, setting: str) -> list[RateLimitItem]:
    if limits.strip().lower() == NO_LIMIT:
        return []
    try:
        items = parse_many(limits)
    except ValueError:
        items = []
    if not items or any(item.amount < 1 or item.multiples < 1 for item in items):
        raise InvalidOption(
            f"the setting {PREFIX}{setting} cannot be used: '{limits}' is no limit such as 600/minute, "
            f"20/second;5000/hour or {NO_LIMIT}"
        )
    return items


def _words(item: RateLimitItem) -> str:
    period = item.GRANULARITY.name if item.multiples == 1 else f"{item.multiples} {item.GRANULARITY.name}s"
    return f"{item.amount} requests per {period}"
