"""First come, first served, and who leaves frees a place."""

import threading

import pytest

from app.inference.bounded_queue import LineClosed, LineFull, WaitingLine


def test_the_order_is_that_of_arrival() -> None:
    """Also when somebody in the middle leaves."""
    line: WaitingLine[str] = WaitingLine(3)
    for name in ("a", "b", "c"):
        line.join(name)
    with pytest.raises(LineFull):
        line.join("d")
    line.leave("b")
    line.join("d")
    assert [line.take() for _ in range(3)] == ["a", "c", "d"]


def test_before_counts_those_that_are_served_first() -> None:
    """The one at work too; who does not wait has nobody before it."""
    line: WaitingLine[str] = WaitingLine(3)
    line.join("a")
    line.join("b")
    assert (line.before("b"), line.busy, len(line)) == (1, False, 2)
    assert line.take() == "a"
    line.join("c")
    assert (line.before("b"), line.before("c"), line.before("a"), line.busy) == (1, 2, None, True)


def test_a_closed_line_gives_back_who_waited_and_wakes_the_worker() -> None:
    """Nobody joins it afterwards."""
    line: WaitingLine[str] = WaitingLine(3)
    taken: list[str | None] = []
    worker = threading.Thread(target=lambda: taken.append(line.take()))
    worker.start()
    assert line.close() == []
    worker.join(10)
    assert taken == [None]
    with pytest.raises(LineClosed):
        line.join("late")
    full: WaitingLine[str] = WaitingLine(1)
    full.join("a")
    assert full.close() == ["a"]
    assert full.take() is None


def test_the_unhurried_are_served_when_nobody_is_in_the_line() -> None:
    """They take no place of it, and go after those who come later."""
    line: WaitingLine[str] = WaitingLine(1)
    line.join("job", unhurried=True)
    line.join("note")
    line.join("next job", unhurried=True)
    assert (len(line), line.before("note")) == (1, 0)
    assert [line.take() for _ in range(2)] == ["note", "job"]
    line.join("second note")
    line.leave("next job")
    assert line.close() == ["second note"]
