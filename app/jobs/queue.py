"""The work that jobs leave to the worker: the next item, its one result, and what has been kept long enough."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from app.access_log.chain import Entry, append
from app.database.engine import erase_deleted, read, write
from app.jobs import repository
from app.jobs.repository import Outcome, WaitingItem

RETENTION = "retention"
"""Who deletes old jobs, in the access log."""


@dataclass(frozen=True)
class JobQueue:
    """The items that wait in one database; for one worker, so nothing is claimed and nothing given back."""

    engine: Engine
    keep: timedelta
    """How long results are kept after their job's end."""

    def next(self) -> WaitingItem | None:
        """The item whose turn it is, None where none waits.

        Raises:
            DatabaseUnavailable: not now.
        """
        with read(self.engine) as connection:
            return repository.next_item(connection)

    def begin(self, item: WaitingItem) -> int:
        """Note that a process begins with this item, as its first; how many have, without a result.

        Raises:
            DatabaseUnavailable: not now.
        """
        with write(self.engine) as connection:
            return repository.count_start(connection, item.job)

    def finish(self, item: WaitingItem, outcome: Outcome) -> bool:
        """Store the result, erase the text and log both, in one transaction.

        Returns:
            False, with nothing stored, when the job was cancelled or deleted meanwhile.

        Raises:
            DatabaseUnavailable: not now; nothing was stored, and the item still waits.
        """
        now = datetime.now(UTC)
        place = f"{item.job_id}/{item.sequence}"
        with write(self.engine) as connection:
            if not repository.store_result(connection, item, outcome, now):
                return False
            append(connection, Entry(item.who, "job item", [place], outcome.status, item.request_id))
            job = repository.job_by_id(connection, item.job_id)
        if job is not None and job.ended_at is not None:
            erase_deleted(self.engine)
        return True

    def delete_old(self) -> list[str]:
        """Delete the jobs whose results were kept long enough; their ids.

        What a process that was killed has left in the write-ahead log goes, too.

        Raises:
            DatabaseUnavailable: not now; nothing was deleted.
        """
        before = datetime.now(UTC) - self.keep
        with write(self.engine) as connection:
            gone = repository.delete_ended(connection, before)
            if gone:
                append(connection, Entry(RETENTION, "delete jobs", gone))
        erase_deleted(self.engine)
        return gone
