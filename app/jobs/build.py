"""The jobs of a service: what answers its routes, and the worker behind them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from sqlalchemy import Engine

from app.coding.service import CodingService
from app.jobs.answering import answer_item
from app.jobs.job_file import LineLimits
from app.jobs.queue import JobQueue
from app.jobs.repository import Outcome, WaitingItem
from app.jobs.service import JobService
from app.jobs.worker import JobWorker
from app.settings import Settings


class HasCoding(Protocol):
    """What answers at a moment."""

    @property
    def coding(self) -> CodingService: ...


def build_jobs(
    settings: Settings, engine: Engine | None, lease: Callable[[], AbstractContextManager[HasCoding]]
) -> tuple[JobService, JobWorker | None]:
    """Both with the limits of the settings; no worker without a database. Nothing runs yet.

    Args:
        lease: what answers now, for the time of an item.
    """

    async def answer(item: WaitingItem) -> Outcome:
        with lease() as now:
            return await answer_item(item, now.coding)

    worker = None if engine is None else JobWorker(JobQueue(engine, timedelta(days=settings.job_days)), answer)
    limits = LineLimits(settings.max_job_items, settings.max_characters, settings.max_top_k, settings.max_body_bytes)
    return JobService(engine, limits, settings.max_jobs, _nobody if worker is None else worker.wake), worker


def _nobody() -> None:
    """Without a database no job is handed in."""
