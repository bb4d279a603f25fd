"""Timing of the stages of a request: the code marks its stages, an observer of the same context measures them.

Without an observer a stage costs nothing. A stage has a fixed name and a duration, never content of a note.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class StageObserver(Protocol):
    """Receives stages, from any thread."""

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A context manager around the stage; nested stages are its children."""

    def report_stage(self, name: str, seconds: float) -> None:
        """A stage of this duration has just ended."""


_observer: ContextVar[StageObserver | None] = ContextVar("observer", default=None)


@contextmanager
def observe_stages(observer: StageObserver) -> Iterator[None]:
    """Send the stages of the block to the observer, also those of threads and tasks that run in its context."""
    before = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(before)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Mark the block as a stage."""
    observer = _observer.get()
    if observer is None:
        yield
        return
    with observer.stage(name):
        yield


def report_stage(name: str, seconds: float) -> None:
    """Report a stage that has just ended."""
    observer = _observer.get()
    if observer is not None:
        observer.report_stage(name, seconds)
