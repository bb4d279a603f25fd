"""First in, first out; removing an item frees its place."""

import threading

import pytest

from app.inference.bounded_queue import BoundedQueue, QueueClosed, QueueFull


def test_the_order_is_that_of_arrival() -> None:
    """Also when an item in the middle is removed."""
    queue: BoundedQueue[str] = BoundedQueue(3)
    for name in ("a", "b", "c"):
        queue.put(name)
    with pytest.raises(QueueFull):
        queue.put("d")
    queue.remove("b")
    queue.put("d")
    assert [queue.take() for _ in range(3)] == ["a", "c", "d"]


def test_the_position_counts_the_items_ahead() -> None:
    """Including the one being processed; an item that does not wait has no position."""
    queue: BoundedQueue[str] = BoundedQueue(3)
    queue.put("a")
    queue.put("b")
    assert (queue.position("b"), queue.busy, len(queue)) == (1, False, 2)
    assert queue.take() == "a"
    queue.put("c")
    assert (queue.position("b"), queue.position("c"), queue.position("a"), queue.busy) == (1, 2, None, True)


def test_closing_returns_the_waiting_items_and_wakes_the_worker() -> None:
    """Nothing can be added afterwards."""
    queue: BoundedQueue[str] = BoundedQueue(3)
    taken: list[str | None] = []
    worker = threading.Thread(target=lambda: taken.append(queue.take()))
    worker.start()
    assert queue.close() == []
    worker.join(10)
    assert taken == [None]
    with pytest.raises(QueueClosed):
        queue.put("late")
    full: BoundedQueue[str] = BoundedQueue(1)
    full.put("a")
    assert full.close() == ["a"]
    assert full.take() is None


def test_items_of_low_priority_are_taken_when_the_queue_is_empty() -> None:
    """They do not count towards the capacity, and go after items that arrive later."""
    queue: BoundedQueue[str] = BoundedQueue(1)
    queue.put("job", low_priority=True)
    queue.put("note")
    queue.put("next job", low_priority=True)
    assert (len(queue), queue.position("note")) == (1, 0)
    assert [queue.take() for _ in range(2)] == ["note", "job"]
    queue.put("second note")
    queue.remove("next job")
    assert queue.close() == ["second note"]
