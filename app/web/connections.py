"""The connections of the server: how many may be open, in all and from one address, and which one makes room.

A newcomer beyond a limit takes the place of the connection that has waited longest without a request of a known
caller, so a crowd of idle connections keeps nobody out. A limit alone would: whoever fills it first would be served.
"""

import ipaddress
import math
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain
from time import monotonic
from typing import Protocol

import structlog

from app.access.rate_limit import network_of
from app.settings import networks_of

REPORT_SECONDS = 60.0
MOST_ACCEPTED = 32
"""Connections that are accepted before the event loop looks at any: many fewer than an address may have, so that a
newcomer's request is read before a crowd of later ones takes its place."""


class Standing(IntEnum):
    """What a connection does now; the lowest gives its place away first."""

    STRANGER = 0
    """No request of a known caller has come over it."""
    IDLE = 1
    """Between two requests of a known caller."""
    BUSY = 2
    """A known caller waits for its answer; never closed for a newcomer."""


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def standing(self) -> Standing:
        """What it does now."""

    def abort(self) -> None:
        """Close it at once; what was not yet sent is lost."""


@dataclass(frozen=True)
class ConnectionLimits:
    """Most open connections; one address, or one IPv6 network of a customer, has at most ``by_address``."""

    total: int
    by_address: int
    accepted_at_once: int
    """Connections that the event loop accepts before it looks at any of them."""

    @classmethod
    def within(cls, descriptors: int, total: int, by_address: int) -> "ConnectionLimits":
        """The wanted limits, lowered to half of the descriptors: database, model and newcomers need some too."""
        total = min(total, max(2, descriptors // 2))
        return cls(total, min(by_address, max(1, total // 2)), max(1, min(MOST_ACCEPTED, descriptors // 8)))


def descriptor_limit() -> int:
    """Most files and sockets that this process may have open."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


class Connections:
    """Counts the open connections and closes the ones that make room; for one event loop."""

    def __init__(self, limits: ConnectionLimits, proxies: str = "") -> None:
        """None is open.

        Args:
            proxies: addresses and networks, separated by commas, without the limit by address: many clients share it.
        """
        self.limits = limits
        self._proxies = networks_of(proxies)
        self._open: dict[str, dict[Connection, None]] = {}  # by address, the one that waits longest first
        self._addresses: dict[Connection, str] = {}
        self._closed = 0
        self._reported_at = -math.inf

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, connection: Connection, address: str) -> None:
        """Count a connection; over a limit, close the one that waits longest, or this one if all are busy."""
        unit = self._addresses[connection] = network_of(address)
        own = self._open.setdefault(unit, {})
        own[connection] = None
        if len(own) > self.limits.by_address and not self._is_proxy(address):
            self._make_room(connection, own)
        elif len(self) > self.limits.total:
            largest_first = sorted(self._open.values(), key=len, reverse=True)
            self._make_room(connection, chain.from_iterable(largest_first))

    def renew(self, connection: Connection) -> None:
        """Note that a request was answered: the connection now waits shortest."""
        if connection in self._addresses:
            own = self._open[self._addresses[connection]]
            del own[connection]
            own[connection] = None

    def leave(self, connection: Connection) -> None:
        """Count the end of a connection; does nothing for one that was closed here."""
        address = self._addresses.pop(connection, None)
        if address is not None:
            del self._open[address][connection]
            if not self._open[address]:
                del self._open[address]

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)

    def _report(self) -> None:
        """Log a line a minute; one for each would take longer than the rest of a connection that is closed at once."""
        self._closed += 1
        now = monotonic()
        if now - self._reported_at >= REPORT_SECONDS:
            structlog.get_logger().warning("connections closed for newcomers", closed=self._closed, open=len(self))
            self._closed, self._reported_at = 0, now

    def _make_room(self, newcomer: Connection, oldest_first: Iterable[Connection]) -> None:
        idle: Connection | None = None
        for connection in oldest_first:
            if connection is newcomer:
                continue
            if connection.standing is Standing.STRANGER:
                break
            if connection.standing is Standing.IDLE and idle is None:
                idle = connection
        else:
            connection = idle or newcomer
        self._report()
        self.leave(connection)  # at once: a further newcomer may come before the connection has ended
        connection.abort()
