"""The bounded line of notes before the worker; who leaves it frees a place at once.

Beside it wait those in no hurry, who are served only when nobody is in the line.
"""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LineFull(Exception):
    """Every place is taken."""


class LineClosed(Exception):
    """Nobody may join any more."""


class WaitingLine(Generic[Item]):
    """First come, first served, for one worker thread and any number of others."""

    def __init__(self, places: int) -> None:
        """An empty line with so many places, beside the item at work."""
        self.places = places
        self._items: deque[Item] = deque()
        self._unhurried: deque[Item] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False

    def __len__(self) -> int:
        """How many wait in the line."""
        return len(self._items)

    @property
    def busy(self) -> bool:
        """Whether the worker has an item that it took."""
        return self._busy

    def join(self, item: Item, unhurried: bool = False) -> None:
        """Go to the end of the line, or wait beside it, where there is always room.

        Raises:
            LineFull, LineClosed: the item is not in the line.
        """
        with self._changed:
            if self._closed:
                raise LineClosed
            if not unhurried and len(self._items) >= self.places:
                raise LineFull
            (self._unhurried if unhurried else self._items).append(item)
            self._changed.notify()

    def leave(self, item: Item) -> None:
        """Free the item's place, if it still has one."""
        with self._changed:
            for waiting in (self._items, self._unhurried):
                if item in waiting:
                    waiting.remove(item)

    def before(self, item: Item) -> int | None:
        """How many are served before one in the line, the one at work included; None for one that is not in it."""
        with self._changed:
            return self._items.index(item) + self._busy if item in self._items else None

    def take(self) -> Item | None:
        """The worker's next item, as soon as there is one; None when the line is closed."""
        with self._changed:
            self._busy = False
            self._changed.wait_for(lambda: self._items or self._unhurried or self._closed)
            if self._closed:
                return None
            self._busy = True
            return (self._items or self._unhurried).popleft()

    def close(self) -> list[Item]:
        """Let nobody join or be taken any more; those who waited."""
        with self._changed:
            self._closed = True
            waiting = [*self._items, *self._unhurried]
            self._items.clear()
            self._unhurried.clear()
            self._changed.notify_all()
        return waiting
