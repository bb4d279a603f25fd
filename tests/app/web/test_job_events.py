"""When a stream of events ends."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import DatabaseUnavailable, UnknownJob
from app.web import job_events as events
from app.web.job_events import progress_events
from icd_coder_client.jobs import JobStatus

STATUS = JobStatus(
    job_id="j1",
    state="running",
    total=3,
    done=1,
    failed=0,
    created_at=datetime(2026, 11, 24, tzinfo=UTC),
    who="no-auth",
)
FURTHER = STATUS.model_copy(update={"done": 2})
ENDED = STATUS.model_copy(update={"done": 3, "ended_at": datetime(2026, 11, 24, tzinfo=UTC), "state": "done"})


class Answers:
    """A service of jobs that tells what it is given, in turn."""

    def __init__(self, *answers: JobStatus | Exception) -> None:
        self.answers = list(answers)

    async def read(self, _job_id: str, _visit: Any) -> JobStatus:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([STATUS, FURTHER, FURTHER, ENDED], [("progress", "1"), ("progress", "2"), ("end", "3")]),
        ([FURTHER, UnknownJob("deleted")], [("progress", "1"), ("progress", "2")]),
        ([DatabaseUnavailable("gone")], [("progress", "1")]),
    ],
)
def test_each_change_is_told_once_until_there_is_no_more(
    answers: list[JobStatus | Exception], told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job ends, is deleted, or cannot be read."""
    monkeypatch.setattr(events, "POLL_SECONDS", 0)
    assert asyncio.run(names(Answers(*answers), stopping=False)) == told


def test_a_stopping_service_ends_its_streams() -> None:
    """After what is known."""
    assert asyncio.run(names(Answers(), stopping=True)) == [("progress", "1")]


async def names(jobs: Answers, stopping: bool) -> list[tuple[str | None, str | None]]:
    """Name and id of every event."""
    found = progress_events(STATUS, None, jobs, lambda: stopping)  # type: ignore[arg-type]
    return [(event.event, event.id) async for event in found]
