"""How many connections may be open, and which one makes room."""

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import networks_of
from app.web.connections import ConnectionLimits, Connections, Standing


class Line:
    """A connection that says what it does, and remembers that it was closed."""

    def __init__(self, standing: Standing = Standing.STRANGER) -> None:
        self.standing = standing
        self.is_open = True

    def abort(self) -> None:
        self.is_open = False


def crowd(connections: Connections, number: int, address: str, standing: Standing = Standing.STRANGER) -> list[Line]:
    """Connections from one address, each open when the next one comes."""
    lines = [Line(standing) for _ in range(number)]
    for line in lines:
        connections.enter(line, address)
    return lines


def test_a_newcomer_takes_the_place_of_the_oldest_stranger() -> None:
    """Not of a known caller, whether it waits for an answer or is idle between two."""
    connections = Connections(ConnectionLimits(total=100, by_address=4, accepted_at_once=8))
    [busy] = crowd(connections, 1, "10.0.0.1", Standing.BUSY)
    [idle] = crowd(connections, 1, "10.0.0.1", Standing.IDLE)
    old, young = crowd(connections, 2, "10.0.0.1")
    [newcomer] = crowd(connections, 1, "10.0.0.1")
    assert [line.is_open for line in (busy, idle, old, young, newcomer)] == [True, True, False, True, True]


def test_an_idle_caller_makes_room_before_the_newcomer_is_refused() -> None:
    """Where nobody is a stranger; where all are busy, the newcomer is closed."""
    connections = Connections(ConnectionLimits(total=100, by_address=2, accepted_at_once=8))
    idle, busy = crowd(connections, 2, "10.0.0.1", Standing.IDLE)
    busy.standing = Standing.BUSY
    [newcomer] = crowd(connections, 1, "10.0.0.1")
    assert (idle.is_open, busy.is_open, newcomer.is_open) == (False, True, True)
    newcomer.standing = Standing.BUSY
    [late] = crowd(connections, 1, "10.0.0.1")
    assert (newcomer.is_open, late.is_open) == (True, False)


def test_the_address_with_most_connections_makes_room_for_another() -> None:
    """So a crowd from one address keeps out nobody from others."""
    connections = Connections(ConnectionLimits(total=6, by_address=6, accepted_at_once=8))
    [guest] = crowd(connections, 1, "10.0.0.9")
    many = crowd(connections, 5, "10.0.0.1")
    [newcomer] = crowd(connections, 1, "10.0.0.2")
    assert guest.is_open
    assert newcomer.is_open
    assert [line.is_open for line in many] == [False, True, True, True, True]


def test_a_connection_that_got_an_answer_waits_shortest() -> None:
    """The one beside it makes room."""
    connections = Connections(ConnectionLimits(total=9, by_address=2, accepted_at_once=8))
    first, second = crowd(connections, 2, "10.0.0.1")
    connections.renew(first)
    crowd(connections, 1, "10.0.0.1")
    assert (first.is_open, second.is_open) == (True, False)


@pytest.mark.parametrize(("proxies", "closed"), [("", 6), ("10.0.0.0/24", 0), ("10.0.0.1, ::1", 0), ("10.0.1.0/24", 6)])
def test_a_trusted_proxy_has_no_limit_of_its_own(proxies: str, closed: int) -> None:
    """Many clients share its address."""
    connections = Connections(ConnectionLimits(total=100, by_address=2, accepted_at_once=8), proxies)
    assert sum(not line.is_open for line in crowd(connections, 8, "10.0.0.1")) == closed


def test_an_ipv6_customer_is_one_address() -> None:
    """All addresses of its /64 share a limit."""
    connections = Connections(ConnectionLimits(total=100, by_address=2, accepted_at_once=8))
    lines = [crowd(connections, 1, f"2001:db8::{number}")[0] for number in range(5)]
    assert sum(line.is_open for line in lines) == 2


def test_the_limits_stay_below_the_descriptors() -> None:
    """Also with what the event loop accepts at once before a connection is closed, twice."""
    for descriptors in (32, 256, 1024, 20_000, 1 << 20):
        limits = ConnectionLimits.within(descriptors, 1000, 256)
        assert limits.total + 2 * limits.accepted_at_once <= 0.8 * descriptors
        assert limits.by_address * 2 <= limits.total


def test_a_newcomer_is_looked_at_before_later_ones_take_its_place() -> None:
    """Four turns of the event loop at least, in which its request is read."""
    for descriptors in (1024, 20_000):
        limits = ConnectionLimits.within(descriptors, 1000, 256)
        assert limits.by_address >= 4 * limits.accepted_at_once


def test_what_was_closed_is_logged_once_a_minute(logs: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number since the line before."""
    now = 0.0
    monkeypatch.setattr("app.web.connections.monotonic", lambda: now)
    connections = Connections(ConnectionLimits(total=9, by_address=3, accepted_at_once=8))
    for _ in range(3 + 120):
        crowd(connections, 1, "10.0.0.1")
        now += 1.0
    assert [json.loads(line)["closed"] for line in logs.getvalue().splitlines()] == [1, 60]


def test_a_word_is_no_network() -> None:
    """The settings say so too, before the start."""
    with pytest.raises(ValueError, match="proxy"):
        networks_of("10.0.0.1,proxy")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(list(Standing)), st.sampled_from(["come", "go", "renew"]))),
    st.integers(2, 6),
    st.integers(1, 3),
)
def test_the_limits_hold_whoever_comes(events: list[tuple[int, Standing, str]], total: int, by_address: int) -> None:
    """Closed connections leave at once here; a busy one is never closed, and the counts end at zero."""
    connections = Connections(ConnectionLimits(total, by_address, accepted_at_once=8))
    lines: list[tuple[Line, str]] = []
    for host, standing, event in events:
        address = f"10.0.0.{host}"
        if event == "come":
            lines.append((Line(), address))
            connections.enter(lines[-1][0], address)
            lines[-1][0].standing = standing
        elif lines:
            line, address = lines[host % len(lines)]
            if event == "renew":
                connections.renew(line)
            else:
                line.is_open = False
        for line, address in [each for each in lines if not each[0].is_open]:
            connections.leave(line)
            lines.remove((line, address))
        assert len(connections) == len(lines) <= total
        assert all(sum(other == address for _line, other in lines) <= by_address for _line, address in lines)
    for line, _address in lines:
        connections.leave(line)
        connections.leave(line)
    assert len(connections) == 0
