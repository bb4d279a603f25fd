"""A note on its way through the worker, and how fast notes go through."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from model.stage_timing import report_stage

WEIGHT = 0.2
"""Of the newest note in the running mean; untuned."""

Answer = TypeVar("Answer")


class NoteJob(Generic[Answer]):
    """A call whose result, or error, goes to its future."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self.future: Future[Answer] = Future()
        self.waited = 0.0
        """Seconds before its turn."""
        self.worked: float | None = None
        """Seconds of its turn, once it is over."""
        self._call = call
        self._context = copy_context()
        """The context whose observer receives the stages."""
        self._joined = perf_counter()

    def run(self) -> None:
        """Call, unless whoever waited has gone."""
        if not self.future.set_running_or_notify_cancel():
            return
        start = perf_counter()
        self.waited = start - self._joined
        try:
            self._context.run(report_stage, "queue", self.waited)
            result = self._context.run(self._call)
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who awaits it
            self.worked = perf_counter() - start
            self.future.set_exception(error if isinstance(error, Exception) else _as_exception(error))
        else:
            self.worked = perf_counter() - start
            self.future.set_result(result)

    def refuse(self, error: Exception) -> None:
        """End a job that waits with an error."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


def _as_exception(error: BaseException) -> RuntimeError:
    """A panic of a library in Rust is no Exception: it would end whoever awaits it, and its words can be the note's."""
    return RuntimeError(f"the coder ended with {type(error).__name__}")


@dataclass
class Pace:
    """The running mean of seconds a note."""

    mean: float = 0.0

    def count(self, seconds: float) -> None:
        """Count a note."""
        self.mean = seconds if self.mean == 0 else (1 - WEIGHT) * self.mean + WEIGHT * seconds

    def seconds(self, notes: int) -> float:
        """What so many notes take; 0 before the first note."""
        return notes * self.mean
