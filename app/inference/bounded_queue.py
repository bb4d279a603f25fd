"""A bounded first-in, first-out queue for one worker thread, with a second, unbounded queue of low priority.

An item can be removed before the worker takes it, which frees its place at once. Items of low priority are taken only
when the bounded queue is empty.
"""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueFull(Exception):
    """The bounded queue has reached its capacity."""


class QueueClosed(Exception):
    """The queue was closed and takes no more items."""


class BoundedQueue(Generic[Item]):
    """For one worker thread and any number of producers."""

    def __init__(self, capacity: int) -> None:
        """An empty queue.

        Args:
            capacity: items that may wait, without the one that the worker has taken and those of low priority.
        """
        self.capacity = capacity
        self._items: deque[Item] = deque()
        self._low_priority: deque[Item] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False

    def __len__(self) -> int:
        """Items that wait, without those of low priority."""
        return len(self._items)

    @property
    def busy(self) -> bool:
        """Whether the worker is processing an item that it took."""
        return self._busy

    def put(self, item: Item, low_priority: bool = False) -> None:
        """Append an item; the queue of low priority is never full.

        Raises:
            QueueFull, QueueClosed: the item was not added.
        """
        with self._changed:
            if self._closed:
                raise QueueClosed
            if not low_priority and len(self._items) >= self.capacity:
                raise QueueFull
            (self._low_priority if low_priority else self._items).append(item)
            self._changed.notify()

    def remove(self, item: Item) -> None:
        """Remove an item that still waits; does nothing for any other."""
        with self._changed:
            for queue in (self._items, self._low_priority):
                if item in queue:
                    queue.remove(item)

    def position(self, item: Item) -> int | None:
        """Items ahead of this one, including the one being processed; None if it is not in the bounded queue."""
        with self._changed:
            return self._items.index(item) + self._busy if item in self._items else None

    def take(self) -> Item | None:
        """Block until there is an item for the worker and return it; None once the queue is closed."""
        with self._changed:
            self._busy = False
            self._changed.wait_for(lambda: self._items or self._low_priority or self._closed)
            if self._closed:
                return None
            self._busy = True
            return (self._items or self._low_priority).popleft()

    def close(self) -> list[Item]:
        """Refuse further items, end :meth:`take`, and return the items that were waiting."""
        with self._changed:
            self._closed = True
            waiting = [*self._items, *self._low_priority]
            self._items.clear()
            self._low_priority.clear()
            self._changed.notify_all()
        return waiting
