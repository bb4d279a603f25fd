"""Handing in and reading results on both engines, past the application."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.access.caller import ANONYMOUS, Visit
from app.database.engine import open_engine
from app.database.tables import Job, JobItem
from app.errors import KeyUsedBefore, UnknownJob
from app.jobs import service as service_module
from app.jobs.job_file import LineLimits
from app.jobs.queue import JobQueue
from app.jobs.repository import Outcome
from app.jobs.service import JobService
from tests.app.access_log.rows import logged
from tests.app.jobs.job_files import job_file

SUBMISSIONS = 50
BODY = job_file(3)
VISIT = Visit(ANONYMOUS, "r" * 32, "POST /v1/jobs")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = open_engine(migrated_url)
    yield engine
    engine.dispose()


def test_submissions_at_once_are_one_job(engine: Engine) -> None:
    """One is new, the others find it; another body is refused by everybody."""
    service = JobService(engine, LineLimits(10, 1000, 50, 10_000), 5, lambda: None)
    together = threading.Barrier(SUBMISSIONS)
    found: list[tuple[str, bool]] = []

    def submit() -> None:
        together.wait(30)
        status, is_new = service._submit(engine, BODY, "k1", VISIT)
        found.append((status.job_id, is_new))

    threads = [threading.Thread(target=submit) for _ in range(SUBMISSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job_id for job_id, _ in found}) == 1
    assert sorted(is_new for _, is_new in found) == [False] * (SUBMISSIONS - 1) + [True]
    with pytest.raises(KeyUsedBefore):
        service._submit(engine, job_file(4), "k1", VISIT)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == 1
        assert connection.scalar(select(func.count()).select_from(JobItem)) == 3
    assert [row[1] for row in logged(engine)] == ["POST /v1/jobs"]


def test_a_job_whose_client_has_left_is_taken_up(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that stores it goes on, and says that there is work; so does who finds the job by its key."""
    storing, gone, told = threading.Event(), threading.Event(), threading.Event()
    add_job = service_module.repository.add_job

    def held(*arguments: Any) -> None:
        storing.set()
        assert gone.wait(30)
        add_job(*arguments)

    monkeypatch.setattr("app.jobs.service.repository.add_job", held)
    service = JobService(engine, LineLimits(10, 1000, 50, 10_000), 5, told.set)

    async def leave() -> None:
        sent = asyncio.create_task(service.submit(BODY, "k1", VISIT))
        assert await asyncio.to_thread(storing.wait, 30)
        sent.cancel()
        await asyncio.wait({sent})
        gone.set()
        assert await asyncio.to_thread(told.wait, 30)
        told.clear()
        assert (await service.submit(BODY, "k1", VISIT))[1] is False

    asyncio.run(leave())
    assert told.is_set()


def test_results_of_a_job_that_is_deleted_meanwhile_end_with_an_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as if there were no more."""
    monkeypatch.setattr(service_module, "PAGE", 2)
    service = JobService(engine, LineLimits(10, 1000, 50, 10_000), 5, lambda: None)
    job, _ = service._submit(engine, BODY, "k1", VISIT)
    queue = JobQueue(engine, timedelta(days=1))
    for _ in range(3):
        item = queue.next()
        assert item is not None
        assert queue.finish(item, Outcome("{}", False, 200))
    rows = service._results(engine, job.job_id, VISIT)
    assert [next(rows).sequence, next(rows).sequence] == [1, 2]
    service._delete(engine, job.job_id, VISIT)
    with pytest.raises(UnknownJob, match="deleted"):
        next(rows)
