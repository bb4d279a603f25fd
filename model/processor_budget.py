"""The processor time that one note may take: the passes over a text check it, and end a note that has spent it.

Every pass is linear in the text, so what lies between two checks is bounded by the longest note. The encoder's time
does not count: it depends on the tokens that are read, which are limited, and not on what the text is made of.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import thread_time
from typing import TypeVar

from model.errors import NoteTooCostly

CHECKED_EVERY = 256
Item = TypeVar("Item")


class _Budget:
    """Seconds of the calling thread, from the start of a note."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends = thread_time() + seconds


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def processor_budget(seconds: float | None) -> Iterator[None]:
    """Limit the processor seconds of the block, which runs in one thread; None for no limit."""
    before = _budget.set(None if seconds is None else _Budget(seconds))
    try:
        yield
    finally:
        _budget.reset(before)


def check_budget() -> None:
    """Do nothing without a budget.

    Raises:
        NoteTooCostly: the block of :func:`processor_budget` has spent its seconds.
    """
    budget = _budget.get()
    if budget is not None and thread_time() > budget.ends:
        raise NoteTooCostly(
            f"the text of the note takes more than {budget.seconds:g} seconds of the processor to read, as text of "
            "repeated signs can: send the discharge summary alone"
        )


def within_budget(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with a check every few hundred of them."""
    for place, item in enumerate(items):
        if place % CHECKED_EVERY == 0:
            check_budget()
        yield item


@contextmanager
def not_counted() -> Iterator[None]:
    """Leave the time of the block out of the budget; checks what was spent before it."""
    check_budget()
    started = thread_time()
    yield
    budget = _budget.get()
    if budget is not None:
        budget.ends += thread_time() - started
