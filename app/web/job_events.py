"""Progress of a job as server-sent events; the status is polled from the database."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.sse import ServerSentEvent

from app.access.caller import Visit
from app.errors import DatabaseUnavailable, Overloaded, UnknownJob
from app.jobs.service import JobService
from icd_coder_client.jobs import JobStatus

POLL_SECONDS = 1.0
MOST_STREAMS = 16
"""Most streams open at the same time, so that they do not slow other requests down."""


class EventStreams:
    """Limits the number of open streams."""

    def __init__(self) -> None:
        self.open = 0

    def enter(self) -> None:
        """Count a stream.

        Raises:
            Overloaded: ``MOST_STREAMS`` are open already.
        """
        if self.open >= MOST_STREAMS:
            raise Overloaded(f"{MOST_STREAMS} streams of events are open already: ask GET /v1/jobs/ID now and then")
        self.open += 1

    def leave(self) -> None:
        """Count the end of a stream."""
        self.open -= 1


async def progress_events(
    status: JobStatus, visit: Visit, jobs: JobService, is_stopping: Callable[[], bool]
) -> AsyncIterator[ServerSentEvent]:
    """Yield an event ``progress`` now and at each change, and a last event ``end``, each with the whole status.

    The stream also ends, without ``end``, if the service stops, the job is deleted or the database is unavailable; the
    client can connect again.
    """
    sent: JobStatus | None = None
    while True:
        if status != sent:
            yield ServerSentEvent(event="end" if status.ended else "progress", data=status, id=str(status.done))
            sent = status
        if status.ended or is_stopping():
            return
        await asyncio.sleep(POLL_SECONDS)
        try:
            status = await jobs.read(status.job_id, visit)
        except (UnknownJob, DatabaseUnavailable):
            return
