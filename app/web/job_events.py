"""Progress of a job as server-sent events; the status is polled from the database."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.sse import ServerSentEvent

from app.access.caller import Visit
from app.errors import DatabaseUnavailable, UnknownJob
from app.jobs.service import JobService
from icd_coder_client.jobs import JobStatus

POLL_SECONDS = 1.0


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
