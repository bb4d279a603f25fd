"""Build the services: those of one bundle, and the jobs, which no bundle changes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlalchemy import Engine

from app.audit.service import AuditService
from app.catalogue.code_tree import CodeTree
from app.catalogue.service import Catalogue
from app.catalogue.title_search import TitleWords
from app.coding.recording import Recorder
from app.coding.service import build_service
from app.inference.worker import Coder, Inference
from app.jobs.answering import answer_item
from app.jobs.job_file import LineLimits
from app.jobs.queue import JobQueue
from app.jobs.repository import Outcome, WaitingItem
from app.jobs.service import JobService
from app.jobs.worker import JobWorker
from app.neighbours.index import NeighbourIndex, index_on
from app.notes.service import NoteService
from app.reviews.service import ReviewService
from app.settings import Settings
from app.web.metrics import Metrics
from app.web.state import BundleServices
from model.errors import InvalidOption


def assemble(settings: Settings, engine: Engine | None, metrics: Metrics, coder: Coder) -> BundleServices:
    """The services of one coder over the database; its worker thread is not started.

    Raises:
        InvalidOption: codings are to be recorded, and there is no database.
        EmbeddingMismatch: the database holds only embeddings of other bundles.
        DatabaseUnavailable: the database cannot be read.
    """
    index: NeighbourIndex | None = None
    if engine is not None:
        index = index_on(engine, coder.embedding_id, coder.embedding_dim)
    inference = Inference(
        coder,
        settings.max_waiting,
        settings.torch_threads,
        settings.deadline_seconds,
        settings.text_seconds,
        metrics.coded,
        settings.max_attingrad_codes,
    )
    coding = build_service(settings, coder, inference, index, metrics.stage)
    return BundleServices(
        coder=coder,
        coding=coding,
        auditing=AuditService(coding, index),
        catalogue=_catalogue(coder, coding.tree, index),
        notes=NoteService(coder, inference, coding.tree, index, settings.max_characters, settings.store_text),
        reviews=ReviewService(coder, coding.tree, engine),
        index=index,
        recorder=_recorder(settings, coder, index),
    )


def _catalogue(coder: Coder, tree: CodeTree, index: NeighbourIndex | None) -> Catalogue:
    policies = coder.threshold_policies(with_neighbours=index is not None)
    alone = coder.threshold_policies(with_neighbours=False)
    return Catalogue(coder.bundle_id, tree, TitleWords(coder.codes), policies, alone)


def _recorder(settings: Settings, coder: Coder, index: NeighbourIndex | None) -> Recorder | None:
    if not settings.record_codings:
        return None
    if index is None:
        raise InvalidOption("ICD_CODER_RECORD_CODINGS needs a database: name one with --database, or unset it")
    return Recorder(coder)


def assemble_jobs(
    settings: Settings, engine: Engine | None, lease: Callable[[], AbstractContextManager[BundleServices]]
) -> tuple[JobService, JobWorker | None]:
    """The jobs and their worker, which is not started; without a database there is no worker.

    Args:
        lease: the services of the active bundle, taken anew for each item.
    """

    async def answer(item: WaitingItem, begin: Callable[[], None]) -> Outcome:
        with lease() as services:
            return await answer_item(item, services.coding, begin)

    worker = None if engine is None else JobWorker(JobQueue(engine, timedelta(days=settings.job_days)), answer)
    limits = LineLimits(settings.max_job_items, settings.max_characters, settings.max_top_k, settings.max_body_bytes)
    return JobService(engine, limits, settings.max_jobs, _ignore_submit if worker is None else worker.wake), worker


def _ignore_submit() -> None:
    """Without a database no job can be submitted."""
