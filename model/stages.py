"""Stages of the work on a note, told to whoever listens in the same context; nobody does unless asked to.

A stage has a name of ours and a duration, never anything of the note.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Listener(Protocol):
    """Is told of stages, in whichever thread they happen."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Surrounds a stage; stages within it are parts of it."""

    def passed(self, name: str, seconds: float) -> None:
        """A stage that took so long has just ended."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell the listener of the stages in the block, and in the threads and tasks that get its context."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark the block as a stage."""
    listener = _listener.get()
    if listener is None:
        yield
        return
    with listener.stage(name):
        yield


def passed(name: str, seconds: float) -> None:
    """Tell of a stage that has ended."""
    listener = _listener.get()
    if listener is not None:
        listener.passed(name, seconds)
