"""Submit, read, cancel and delete jobs; each change writes its row of the access log in the same transaction."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Connection, Engine

from app.access.caller import Visit
from app.access.scopes import Scope
from app.access_log.hash_chain import append
from app.access_log.journal import write_entry
from app.database import postgresql
from app.database.engine import erase_deleted, is_sqlite, read, write
from app.errors import KeyUsedBefore, NoDatabase, TooManyJobs, UnknownJob
from app.jobs import repository
from app.jobs.job_file import LineLimits, read_job_file
from app.jobs.repository import JobRow, NewJob, ResultRow
from app.jobs.schemas import JobLine, JobsQuery
from icd_coder_client.jobs import JobDeleted, JobsAnswer, JobStatus

PAGE = 100
"""Results that are read from the database at once."""


@dataclass(frozen=True)
class JobService:
    """The jobs of one database; a caller sees its own jobs, and all jobs with the scope admin."""

    engine: Engine | None
    limits: LineLimits
    max_jobs: int
    on_submit: Callable[[], None]
    """Called, from any thread, when a job was submitted."""

    async def submit(self, body: bytes, key: str, visit: Visit) -> tuple[JobStatus, bool]:
        """Store a job, or find the one that the caller made with this key and body.

        Returns:
            The job, and whether it is new.

        Raises:
            NoDatabase, DatabaseUnavailable: there is no database, or it cannot be used now; nothing was stored.
            InvalidLine, InvalidOption: see :func:`app.jobs.job_file.read_job_file`.
            KeyUsedBefore: the caller sent another body with this key.
            TooManyJobs: the caller has too many unfinished jobs.
        """
        return await asyncio.to_thread(self._submit, self._database(), body, key, visit)

    async def page(self, query: JobsQuery, visit: Visit) -> JobsAnswer:
        """A page of the jobs that the caller may see.

        Raises:
            NoDatabase, DatabaseUnavailable: there is no database, or it cannot be used now.
        """
        return await asyncio.to_thread(self._page, self._database(), query, visit)

    async def read(self, job_id: str, visit: Visit) -> JobStatus:
        """The status of a job.

        Raises:
            UnknownJob: the caller has no job with this id.
            NoDatabase, DatabaseUnavailable: there is no database, or it cannot be used now.
        """
        return (await asyncio.to_thread(self._visible, self._database(), job_id, visit)).status()

    async def cancel(self, job_id: str, visit: Visit) -> JobStatus:
        """End a job, keep its results and erase the texts not yet coded; an ended job is not changed.

        Raises:
            As :meth:`read`.
        """
        return await asyncio.to_thread(self._cancel, self._database(), job_id, visit)

    async def delete(self, job_id: str, visit: Visit) -> JobDeleted:
        """Delete a job with its results, even if it is unfinished; its Idempotency-Key can be used again.

        Raises:
            As :meth:`read`.
        """
        return await asyncio.to_thread(self._delete, self._database(), job_id, visit)

    async def results(self, job_id: str, visit: Visit) -> Iterator[ResultRow]:
        """The results so far, in the order of the file; the access is logged before the first is returned.

        Raises:
            As :meth:`read`.
        """
        return await asyncio.to_thread(self._results, self._database(), job_id, visit)

    def _submit(self, engine: Engine, body: bytes, key: str, visit: Visit) -> tuple[JobStatus, bool]:
        stored = self._stored(engine, body, key, visit)
        # In this thread, which finishes even if the client disconnects. For a known job too: its first request may
        # have stored it and then lost the database.
        self.on_submit()
        return stored

    def _stored(self, engine: Engine, body: bytes, key: str, visit: Visit) -> tuple[JobStatus, bool]:
        with read(engine) as connection:
            job = _new_job(repository.hash_key(connection), body, key, visit)
            known = repository.job_by_key(connection, job.who, job.key_hash)
        if known is not None:
            return _same(known, job), False
        notes = read_job_file(body, self.limits)
        with write(engine) as connection:
            # Another request may have stored it in the meantime.
            known = repository.job_by_key(connection, job.who, job.key_hash)
            if known is not None:
                return _same(known, job), False
            self._require_room(connection, job.who)
            _require_private_log(connection)
            repository.add_job(connection, job, notes, visit.reads_notes)
            append(connection, visit.entry([job.job_id], 201))
        return _status(job, notes), True

    def _require_room(self, connection: Connection, who: str) -> None:
        unfinished = repository.count_unfinished(connection, who)
        if unfinished >= self.max_jobs:
            raise TooManyJobs(f"{unfinished} of your jobs are unfinished: wait for one to end, or cancel one")

    def _page(self, engine: Engine, query: JobsQuery, visit: Visit) -> JobsAnswer:
        who = None if visit.may(Scope.ADMIN) else visit.caller.who
        with read(engine) as connection:
            rows = repository.jobs_before(connection, who, query.before, query.limit + 1)
        page = rows[: query.limit]
        return JobsAnswer(
            jobs=[row.status() for row in page],
            next_before=page[-1].row if len(rows) > len(page) else None,
        )

    def _visible(self, engine: Engine, job_id: str, visit: Visit) -> JobRow:
        with read(engine) as connection:
            return _own(connection, job_id, visit)

    def _cancel(self, engine: Engine, job_id: str, visit: Visit) -> JobStatus:
        with write(engine) as connection:
            job = _own(connection, job_id, visit)
            if job.ended_at is not None:
                return job.status()
            job = repository.cancel(connection, job, datetime.now(UTC))
            append(connection, visit.entry([job_id]))
        erase_deleted(engine)
        return job.status()

    def _delete(self, engine: Engine, job_id: str, visit: Visit) -> JobDeleted:
        with write(engine) as connection:
            job = _own(connection, job_id, visit)
            repository.delete_job(connection, job)
            append(connection, visit.entry([job_id]))
        erase_deleted(engine)
        return JobDeleted(job_id=job_id, results=job.done)

    def _results(self, engine: Engine, job_id: str, visit: Visit) -> Iterator[ResultRow]:
        job = self._visible(engine, job_id, visit)
        write_entry(engine, visit.entry([job_id]))
        return _pages(engine, job.row)

    def _database(self) -> Engine:
        if self.engine is None:
            raise NoDatabase("jobs need a database: start `icd-coder serve --database URL`")
        return self.engine


def _pages(engine: Engine, job: int) -> Iterator[ResultRow]:
    """Read each page in a transaction of its own, so that a slow client keeps none open.

    Raises:
        UnknownJob: the job was deleted in the meantime; without an error the client would take the part for the whole.
    """
    last = 0
    while True:
        with read(engine) as connection:
            rows = repository.results_after(connection, job, last, PAGE)
            if not repository.is_stored(connection, job):
                raise UnknownJob("the job was deleted while its results were read")
        yield from rows
        if len(rows) < PAGE:
            return
        last = rows[-1].sequence


def _new_job(hash_key: bytes, body: bytes, key: str, visit: Visit) -> NewJob:
    return NewJob(
        uuid4().hex,
        visit.caller.who,
        _hash(hash_key, key.encode("ascii")),
        _hash(hash_key, body),
        visit.request_id,
        datetime.now(UTC),
    )


def _hash(key: bytes, content: bytes) -> str:
    """Keyed, so that a reader of the database cannot recognise a file, nor match it with another database."""
    return hmac.digest(key, content, hashlib.sha256).hex()


def _same(known: JobRow, job: NewJob) -> JobStatus:
    if not hmac.compare_digest(known.body_hash, job.body_hash):
        raise KeyUsedBefore(
            f"another body was sent with this Idempotency-Key, for the job {known.job_id}: send that one or another key"
        )
    return known.status()


def _status(job: NewJob, notes: list[JobLine]) -> JobStatus:
    return JobStatus(
        job_id=job.job_id, state="queued", total=len(notes), done=0, failed=0, created_at=job.created_at, who=job.who
    )


def _own(connection: Connection, job_id: str, visit: Visit) -> JobRow:
    """The caller's job with this id; a job of another caller raises UnknownJob like one that does not exist."""
    job = repository.job_by_id(connection, job_id)
    if job is None or (job.who != visit.caller.who and not visit.may(Scope.ADMIN)):
        raise UnknownJob("you have no job with this id: see GET /v1/jobs")
    return job


def _require_private_log(connection: Connection) -> None:
    """Texts are stored until they are coded, so the log of the database server must not record statements."""
    if not is_sqlite(connection.engine):
        postgresql.require_private_log(connection)
