"""Handing in on both engines, past the application."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select

from app.access.caller import ANYBODY, Visit
from app.db import open_engine
from app.errors import KeyUsedBefore
from app.jobs.job_file import LineLimits
from app.jobs.service import JobService
from app.tables import Job, JobItem
from tests.app.access_log.rows import logged
from tests.app.jobs.job_files import job_file

SUBMISSIONS = 50
BODY = job_file(3)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = open_engine(migrated_url)
    yield engine
    engine.dispose()


def test_submissions_at_once_are_one_job(engine: Engine) -> None:
    """One is new, the others find it; another body is refused by everybody."""
    service = JobService(engine, LineLimits(10, 1000, 50, 10_000), 5, lambda: None)
    visit = Visit(ANYBODY, "r" * 32, "POST /v1/jobs")
    together = threading.Barrier(SUBMISSIONS)
    found: list[tuple[str, bool]] = []

    def submit() -> None:
        together.wait(30)
        status, is_new = service._submit(engine, BODY, "k1", visit)
        found.append((status.job_id, is_new))

    threads = [threading.Thread(target=submit) for _ in range(SUBMISSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job_id for job_id, _ in found}) == 1
    assert sorted(is_new for _, is_new in found) == [False] * (SUBMISSIONS - 1) + [True]
    with pytest.raises(KeyUsedBefore):
        service._submit(engine, job_file(4), "k1", visit)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Job)) == 1
        assert connection.scalar(select(func.count()).select_from(JobItem)) == 3
    assert [row[1] for row in logged(engine)] == ["POST /v1/jobs"]
