"""The thread that codes the items of jobs one after the other, at low priority."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from time import monotonic

import structlog

from app.errors import DatabaseUnavailable, TryLater
from app.jobs.answering import abandon
from app.jobs.queue import JobQueue
from app.jobs.repository import Outcome, WaitingItem
from app.logs import error_fields

AnswerItem = Callable[[WaitingItem, Callable[[], None]], Awaitable[Outcome]]
"""Codes an item; the second argument is called in the thread that codes it, just before."""
STOP_SECONDS = 5.0
"""How long a stop waits for the thread."""
CLEANING_SECONDS = 600.0
"""Interval between two deletions of expired jobs, and longest wait for new work."""
GRACE_SECONDS = 30.0
"""How long the first item may still be coded by another process, as in a rolling upgrade, before that process counts as
ended; more than a note takes. Untuned."""
ERASING_SECONDS = 5.0
"""Interval between two attempts to erase what a reader kept in SQLite's write-ahead log; without any, nothing is done.
"""
PAUSES = (0.5, 30.0)
"""Seconds before a retry: the first pause and the longest one; each is twice the one before."""


class JobWorker:
    """Codes the queued items; one that cannot be coded or stored now is retried after a pause."""

    def __init__(self, queue: JobQueue, answer: AnswerItem) -> None:
        """Create the thread without starting it.

        Args:
            answer: codes one item; runs in the event loop that called :meth:`start`.
        """
        self._queue = queue
        self._answer = answer
        self._wakeup = threading.Event()
        self._closing = threading.Event()
        self._is_first = True
        self._begun: int | None = None
        """Row of the item that this process has begun last."""
        self._lock = threading.Lock()
        self._at_work: Future[Outcome] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread, beginning with items that an earlier process left; call it in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Stop; the item that is being coded is cancelled and coded again after the next start."""
        with self._lock:
            self._closing.set()
            if self._at_work is not None:
                self._at_work.cancel()
        self._wakeup.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def wake(self) -> None:
        """Wake the thread because an item was added; callable from any thread."""
        self._wakeup.set()

    def _work(self) -> None:
        cleaned, pause = -CLEANING_SECONDS, PAUSES[0]
        while True:
            self._wakeup.clear()  # before reading the queue, so that an item added afterwards wakes the thread
            if self._closing.is_set():
                return
            try:
                if monotonic() - cleaned >= CLEANING_SECONDS:
                    self._queue.delete_old()
                    cleaned = monotonic()
                if not self._process_next():
                    self._rest()
                pause = PAUSES[0]
            except CancelledError:
                continue  # the service is stopping
            except (TryLater, DatabaseUnavailable) as error:
                structlog.get_logger().warning("jobs pause", seconds=pause, **error_fields(error))
                self._closing.wait(pause)
                pause = min(2 * pause, PAUSES[1])
            except Exception as error:  # noqa: BLE001 - the thread must survive; the cause may be temporary
                structlog.get_logger().error("unexpected error of the jobs' worker", **error_fields(error))
                self._closing.wait(PAUSES[1])

    def _rest(self) -> None:
        """Wait for work; what deletions had to leave is erased as soon as its reader ends."""
        until = monotonic() + CLEANING_SECONDS
        while not self._wakeup.wait(ERASING_SECONDS) and monotonic() < until:
            self._queue.erase_left()

    def _process_next(self) -> bool:
        """Code the next item and store its result; False if there is none."""
        item = self._queue.next()
        if item is None:
            return False
        if self._is_first and item.begun:
            self._give_up(item)
            return True
        self._is_first = False
        try:
            self._queue.finish(item, self._coded(item))
        except Exception:
            self._release(item)
            raise
        return True

    def _give_up(self, item: WaitingItem) -> None:
        """Give up an item that a process has begun, unless that process gets on within GRACE_SECONDS.

        Only the first item of this process can have ended another.
        """
        if self._closing.wait(GRACE_SECONDS):
            return
        if self._queue.next() == item:
            self._queue.finish(item, abandon(item))

    def _release(self, item: WaitingItem) -> None:
        """The item stays in the queue through no fault of its own: the service stops, or the database cannot write."""
        if self._begun != item.row:
            return
        try:
            self._queue.release(item)
        except DatabaseUnavailable as error:
            structlog.get_logger().warning("a job's note cannot be released", job=item.job_id, **error_fields(error))

    def _coded(self, item: WaitingItem) -> Outcome:
        def begin() -> None:
            self._queue.begin(item)
            self._begun = item.row

        with self._lock:
            if self._closing.is_set() or self._loop is None:
                raise CancelledError
            self._at_work = asyncio.run_coroutine_threadsafe(_awaited(self._answer(item, begin)), self._loop)
        return self._at_work.result()


async def _awaited(outcome: Awaitable[Outcome]) -> Outcome:
    return await outcome
