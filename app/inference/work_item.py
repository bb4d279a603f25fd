"""One call for the worker thread, and the mean time that a call takes."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from model.stage_timing import report_stage

WEIGHT = 0.2
"""Weight of the newest note in the running mean; untuned."""

Result = TypeVar("Result")


class WorkItem(Generic[Result]):
    """A call that the worker makes; its result or its error is set on ``future``."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self.future: Future[Result] = Future()
        self.queue_seconds = 0.0
        """Time in the queue."""
        self.work_seconds: float | None = None
        """Time of the call; None until it has returned."""
        self.is_abandoned = False
        """Whether nobody waits for the result any more; the call may end early."""
        self._call = call
        self._context = copy_context()
        """The context whose observer receives the stages."""
        self._queued_at = self._started_at = perf_counter()

    def run(self) -> None:
        """Make the call, unless its future was cancelled."""
        if not self.future.set_running_or_notify_cancel():
            return
        self._started_at = start = perf_counter()
        self.queue_seconds = start - self._queued_at
        try:
            self._context.run(report_stage, "queue", self.queue_seconds)
            result = self._context.run(self._call)
        except BaseException as error:  # noqa: BLE001 - set on the future, whose owner handles it
            self.work_seconds = perf_counter() - start
            self.future.set_exception(error if isinstance(error, Exception) else _as_exception(error))
        else:
            self.work_seconds = perf_counter() - start
            self.future.set_result(result)

    def seconds(self, with_queue: bool) -> float:
        """Time since the call began, or since the item came into the queue."""
        return perf_counter() - (self._queued_at if with_queue else self._started_at)

    def abandon(self) -> None:
        """Nobody waits any more: do not begin the call, or tell it that it may end."""
        self.is_abandoned = True
        self.future.cancel()

    def fail(self, error: Exception) -> None:
        """Set an error on the future without making the call."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


def _as_exception(error: BaseException) -> RuntimeError:
    """An Exception instead of a BaseException, such as a panic in a Rust library, which would end the event loop.

    The original message is dropped because it can hold note text.
    """
    return RuntimeError(f"the coder ended with {type(error).__name__}")


@dataclass
class MeanSeconds:
    """Exponential moving mean of the seconds that one note takes."""

    mean: float = 0.0

    def add(self, seconds: float) -> None:
        """Add the time of one note."""
        self.mean = seconds if self.mean == 0 else (1 - WEIGHT) * self.mean + WEIGHT * seconds

    def estimate(self, notes: int) -> float:
        """Seconds that this many notes are expected to take; 0 before the first note."""
        return notes * self.mean
