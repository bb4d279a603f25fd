"""Answers of the routes of jobs."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from icd_coder_client.answer import Problem, Strict
from icd_coder_client.coding import PredictAnswer

JobState = Literal["queued", "running", "done", "cancelled"]


class JobStatus(Strict):
    """How far a job is."""

    job_id: str
    state: JobState = Field(description="queued, running, done or cancelled; the last two stay as they are.")
    total: int = Field(description="Notes.")
    done: int = Field(description="Notes that have a result.")
    failed: int = Field(description="Those of them whose result is a problem.")
    created_at: datetime
    ended_at: datetime | None = None
    who: str = Field(description="Whose job it is: id of the access key, or no-auth.")

    @property
    def ended(self) -> bool:
        """Whether the job is done or cancelled."""
        return self.ended_at is not None


class JobsAnswer(Strict):
    """Answer of ``GET /v1/jobs``."""

    jobs: list[JobStatus] = Field(description="The latest first.")
    next_before: int | None = Field(default=None, description="Absent on the last page.")


class JobDeleted(Strict):
    """Answer of ``DELETE /v1/jobs/{job_id}``."""

    job_id: str
    results: int = Field(description="Results that went with the job.")


class JobResult(Strict):
    """A line of ``GET /v1/jobs/{job_id}/results``: an answer or a problem.

    A job keeps no word of a note: the ``text`` of evidence is empty and its section is absent, ``start`` and ``end``
    point into the text as it was sent. There are no similar notes and no timings.
    """

    line: int = Field(description="In the file, from 1.")
    id: str
    answer: PredictAnswer | None = None
    problem: Problem | None = None
