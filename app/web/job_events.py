"""Progress of a job as server-sent events, read from the database: any process that asks sees the same."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.sse import ServerSentEvent

from app.access.caller import Visit
from app.errors import DatabaseUnavailable, Overloaded, UnknownJob
from app.jobs.schemas import JobStatus
from app.jobs.service import JobService

POLL_SECONDS = 1.0
MOST_STREAMS = 16
"""Open at the same time; more would take the places of requests."""


class EventStreams:
    """Counts the streams that are open."""

    def __init__(self) -> None:
        self.open = 0

    def enter(self) -> None:
        """Take a place.

        Raises:
            Overloaded: none is free.
        """
        if self.open >= MOST_STREAMS:
            raise Overloaded(f"{MOST_STREAMS} streams of events are open already: ask GET /v1/jobs/ID now and then")
        self.open += 1

    def leave(self) -> None:
        """Give it back."""
        self.open -= 1


async def progress_events(
    status: JobStatus, visit: Visit, jobs: JobService, is_stopping: Callable[[], bool]
) -> AsyncIterator[ServerSentEvent]:
    """An event ``progress`` now and at each change, and ``end`` with the last, each with the whole status.

    The stream also ends when the service stops, the job is deleted or the database is gone: who asks again gets the
    status as it is then.
    """
    told: JobStatus | None = None
    while True:
        if status != told:
            yield ServerSentEvent(event="end" if status.ended else "progress", data=status, id=str(status.done))
            told = status
        if status.ended or is_stopping():
            return
        await asyncio.sleep(POLL_SECONDS)
        try:
            status = await jobs.read(status.job_id, visit)
        except (UnknownJob, DatabaseUnavailable):
            return
