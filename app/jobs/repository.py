"""The queries of jobs; every function runs inside the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from app.database.tables import HashKey, Job, JobItem, JobResult
from app.jobs.schemas import JobLine
from icd_coder_client.jobs import JobState, JobStatus

CHUNK = 500
"""Items in one insert statement."""


class JobRow(NamedTuple):
    """A job as it is stored."""

    row: int
    job_id: str
    who: str
    body_hash: str
    created_at: datetime
    ended_at: datetime | None
    cancelled: bool
    total: int
    done: int
    failed: int

    @property
    def state(self) -> JobState:
        if self.ended_at is not None:
            return "cancelled" if self.cancelled else "done"
        return "running" if self.done else "queued"

    def status(self) -> JobStatus:
        """The job in the schema of the answers."""
        return JobStatus(
            job_id=self.job_id,
            state=self.state,
            total=self.total,
            done=self.done,
            failed=self.failed,
            created_at=self.created_at,
            ended_at=self.ended_at,
            who=self.who,
        )


class NewJob(NamedTuple):
    """The values of a job to insert."""

    job_id: str
    who: str
    key_hash: str
    body_hash: str
    request_id: str
    created_at: datetime


class WaitingItem(NamedTuple):
    """An item without a result, with the text of its note."""

    row: int
    sequence: int
    request: str
    job: int
    """Row id of its job."""
    job_id: str
    who: str
    request_id: str | None
    begun: bool = False
    """A process has begun to code it and has neither stored a result nor released it."""


class Outcome(NamedTuple):
    """The result of an item."""

    content: str
    """The answer or the problem as JSON in ASCII."""
    failed: bool
    status: int
    """The HTTP status that a request with this note would have received."""


class ResultRow(NamedTuple):
    """A result with the line number of its note in the file."""

    sequence: int
    item_id: str
    failed: bool
    content: str


_JOBS: Select[*tuple[Any, ...]] = select(
    Job.id,
    Job.job_id,
    Job.who,
    Job.body_hash,
    Job.created_at,
    Job.ended_at,
    Job.cancelled,
    Job.total,
    Job.done,
    Job.failed,
)


def hash_key(connection: Connection) -> bytes:
    """The random key of this database for hashing idempotency keys and files."""
    return connection.scalars(select(HashKey.key)).one()


def job_by_key(connection: Connection, who: str, key_hash: str) -> JobRow | None:
    """The job that a caller created with an Idempotency-Key, or None."""
    return _one(connection, _JOBS.where(Job.who == who, Job.key_hash == key_hash))


def job_by_id(connection: Connection, job_id: str) -> JobRow | None:
    """A job, or None."""
    return _one(connection, _JOBS.where(Job.job_id == job_id))


def is_stored(connection: Connection, row: int) -> bool:
    """Whether the job still exists."""
    return connection.scalar(select(Job.id).where(Job.id == row)) is not None


def jobs_before(connection: Connection, who: str | None, before: int | None, limit: int) -> list[JobRow]:
    """Jobs of one caller or of all (None), latest first, with a row id below ``before``."""
    query = _JOBS.order_by(Job.id.desc()).limit(limit)
    if who is not None:
        query = query.where(Job.who == who)
    if before is not None:
        query = query.where(Job.id < before)
    return [JobRow(*row) for row in connection.execute(query)]


def count_unfinished(connection: Connection, who: str) -> int:
    """Number of unfinished jobs of a caller."""
    query = select(func.count()).select_from(Job).where(Job.who == who, Job.ended_at.is_(None))
    return connection.scalar(query) or 0


def add_job(connection: Connection, job: NewJob, notes: Sequence[JobLine], reads_notes: bool) -> None:
    """Insert a job with its items, of a caller who may see what is stored or not."""
    values = {"cancelled": False, "total": len(notes), "done": 0, "failed": 0}
    row: int = connection.execute(insert(Job).values(**job._asdict(), **values).returning(Job.id)).scalar_one()
    for start in range(0, len(notes), CHUNK):
        connection.execute(
            insert(JobItem),
            [
                {
                    "job_id": row,
                    "sequence": sequence,
                    "item_id": note.id,
                    "request": note.request(reads_notes).model_dump_json(exclude_unset=True),
                }
                for sequence, note in enumerate(notes[start : start + CHUNK], start=start + 1)
            ],
        )


def next_item(connection: Connection) -> WaitingItem | None:
    """The first item without a result of the oldest job that has not ended, or None."""
    oldest = select(func.min(Job.id)).where(Job.ended_at.is_(None)).scalar_subquery()
    query: Select[*tuple[Any, ...]] = (
        select(
            JobItem.id, JobItem.sequence, JobItem.request, Job.id, Job.job_id, Job.who, Job.request_id, Job.starts > 0
        )
        .join(Job, JobItem.job_id == Job.id)
        .where(Job.id == oldest, JobItem.sequence == Job.done + 1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else WaitingItem(*row)


def set_begun(connection: Connection, job: int, begun: bool) -> None:
    """Whether the job's next item is being coded."""
    connection.execute(update(Job).where(Job.id == job).values(starts=int(begun)))


def store_result(connection: Connection, item: WaitingItem, outcome: Outcome, now: datetime) -> bool:
    """Store the result of an item, erase its text, and end the job after its last item.

    Returns:
        False, with nothing stored, if the job was cancelled or deleted in the meantime.
    """
    job = connection.execute(
        select(Job.total, Job.done).where(Job.id == item.job, Job.ended_at.is_(None), Job.done == item.sequence - 1)
    ).one_or_none()
    if job is None:
        return False
    connection.execute(insert(JobResult).values(item_id=item.row, failed=outcome.failed, content=outcome.content))
    connection.execute(update(JobItem).where(JobItem.id == item.row).values(request=None))
    ended = {"ended_at": now} if item.sequence == job.total else {}
    connection.execute(
        update(Job)
        .where(Job.id == item.job)
        .values(done=item.sequence, failed=Job.failed + int(outcome.failed), starts=0, **ended)
    )
    return True


def cancel(connection: Connection, job: JobRow, now: datetime) -> JobRow:
    """End a job and erase the texts of items without a result; returns the changed job."""
    connection.execute(update(Job).where(Job.id == job.row).values(ended_at=now, cancelled=True))
    connection.execute(update(JobItem).where(JobItem.job_id == job.row).values(request=None))
    return job._replace(ended_at=now, cancelled=True)


def delete_job(connection: Connection, job: JobRow) -> None:
    """Delete a job with its items and results."""
    connection.execute(delete(Job).where(Job.id == job.row))


def delete_ended(connection: Connection, before: datetime) -> list[str]:
    """Delete the jobs that ended before a time and return their ids."""
    return list(connection.scalars(delete(Job).where(Job.ended_at < before).returning(Job.job_id)))


def results_after(connection: Connection, job: int, sequence: int, limit: int) -> list[ResultRow]:
    """The next results in the order of the file."""
    query = (
        select(JobItem.sequence, JobItem.item_id, JobResult.failed, JobResult.content)
        .join(JobResult, JobResult.item_id == JobItem.id)
        .where(JobItem.job_id == job, JobItem.sequence > sequence)
        .order_by(JobItem.sequence)
        .limit(limit)
    )
    return [ResultRow(*row) for row in connection.execute(query)]


def _one(connection: Connection, query: Select[*tuple[Any, ...]]) -> JobRow | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else JobRow(*row)
