"""The queue of job items in the database: the next item, its result, and the deletion of expired jobs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from app.access_log.hash_chain import Entry, append
from app.database.engine import erase_deleted, erase_left, read, write
from app.jobs import repository
from app.jobs.repository import Outcome, WaitingItem

RETENTION = "retention"
"""The ``who`` of automatic deletions in the access log."""


@dataclass(frozen=True)
class JobQueue:
    """The items without a result in one database; for a single worker, so items are not claimed."""

    engine: Engine
    keep: timedelta
    """Time from the end of a job to the deletion of its results."""

    def next(self) -> WaitingItem | None:
        """The oldest item without a result, or None.

        Raises:
            DatabaseUnavailable: the database cannot be used now.
        """
        with read(self.engine) as connection:
            return repository.next_item(connection)

    def begin(self, item: WaitingItem) -> None:
        """Note that this item is being coded, until its result is stored or it is released.

        Raises:
            DatabaseUnavailable: the database cannot be used now.
        """
        with write(self.engine) as connection:
            repository.set_begun(connection, item.job, True)

    def release(self, item: WaitingItem) -> None:
        """Note that this item is not being coded any more, though it has no result.

        Raises:
            DatabaseUnavailable: the database cannot be used now.
        """
        with write(self.engine) as connection:
            repository.set_begun(connection, item.job, False)

    def finish(self, item: WaitingItem, outcome: Outcome) -> bool:
        """Store the result, erase the text and log both, in one transaction.

        Returns:
            False, with nothing stored, if the job was cancelled or deleted in the meantime.

        Raises:
            DatabaseUnavailable: nothing was stored, and the item stays in the queue.
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
        """Delete the expired jobs and return their ids.

        Also wipes the write-ahead log, in which a killed process can have left texts.

        Raises:
            DatabaseUnavailable: nothing was deleted.
        """
        before = datetime.now(UTC) - self.keep
        with write(self.engine) as connection:
            gone = repository.delete_ended(connection, before)
            if gone:
                append(connection, Entry(RETENTION, "delete jobs", gone))
        erase_deleted(self.engine)
        return gone

    def erase_left(self) -> None:
        """Wipe from the write-ahead log what a reader kept there at the last deletion, if it has ended."""
        erase_left(self.engine)
