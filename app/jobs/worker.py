"""The thread that takes one item after the other to the coder, when nobody else is waiting there."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from time import monotonic

import structlog

from app.errors import DatabaseUnavailable, TryLater
from app.jobs.answering import give_up
from app.jobs.queue import JobQueue
from app.jobs.repository import Outcome, WaitingItem
from app.logs import described

AnswerItem = Callable[[WaitingItem], Awaitable[Outcome]]
STOP_SECONDS = 5.0
"""How long the end of the process waits for what the thread is doing."""
CLEANING_SECONDS = 600.0
"""Between two looks for jobs that were kept long enough."""
MOST_STARTS = 5
"""Processes that may end at one note, before it is taken for the reason; untuned."""
PAUSES = (0.5, 30.0)
"""Seconds before the same is tried again, from the first to the longest, each twice the last."""


class JobWorker:
    """Works the queue off; an item that cannot be coded or stored now is tried again after a pause."""

    def __init__(self, queue: JobQueue, answer: AnswerItem) -> None:
        """Nothing runs yet.

        Args:
            answer: run in the event loop of :meth:`start`.
        """
        self._queue = queue
        self._answer = answer
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._is_first = True
        self._lock = threading.Lock()
        self._at_work: Future[Outcome] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin, with what a process before has left; to be called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Take nothing up any more; the item at work is dropped, and waits for the next start."""
        with self._lock:
            self._closing.set()
            if self._at_work is not None:
                self._at_work.cancel()
        self._bell.set()
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def wake(self) -> None:
        """Say that there is work."""
        self._bell.set()

    def _work(self) -> None:
        cleaned, pause = -CLEANING_SECONDS, PAUSES[0]
        while True:
            self._bell.clear()  # before the looks: what comes after them rings again
            if self._closing.is_set():
                return
            try:
                if monotonic() - cleaned >= CLEANING_SECONDS:
                    self._queue.delete_old()
                    cleaned = monotonic()
                if not self._work_one_off():
                    self._bell.wait(CLEANING_SECONDS)
                pause = PAUSES[0]
            except CancelledError:
                continue  # the service stops
            except (TryLater, DatabaseUnavailable) as error:
                structlog.get_logger().warning("jobs pause", seconds=pause, **described(error))
                self._closing.wait(pause)
                pause = min(2 * pause, PAUSES[1])
            except Exception as error:  # noqa: BLE001 - the thread must not end; whatever it is may pass
                structlog.get_logger().error("unexpected error of the jobs' worker", **described(error))
                self._closing.wait(PAUSES[1])

    def _work_one_off(self) -> bool:
        """Whether there was an item."""
        item = self._queue.next()
        if item is None:
            return False
        self._queue.finish(item, self._outcome(item))
        return True

    def _outcome(self, item: WaitingItem) -> Outcome:
        """The first item may be what has ended the process before."""
        if self._is_first:
            before = self._queue.begin(item) - 1
            if before >= MOST_STARTS:
                return give_up(item, before)
            self._is_first = False
        return self._coded(item)

    def _coded(self, item: WaitingItem) -> Outcome:
        with self._lock:
            if self._closing.is_set() or self._loop is None:
                raise CancelledError
            self._at_work = asyncio.run_coroutine_threadsafe(_awaited(self._answer(item)), self._loop)
        return self._at_work.result()


async def _awaited(outcome: Awaitable[Outcome]) -> Outcome:
    return await outcome
