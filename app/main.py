"""The application: routes, errors, limits, and what lives from start to stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import structlog
from fastapi import FastAPI

from app import health
from app.access.authentication import OPEN_PATHS, Authentication
from app.access.gate import Gate, KeyGate
from app.access.loopback_host import LoopbackHost
from app.access.requirements import require_declared
from app.access_log.journal import Journal
from app.audit import routes as audit_routes
from app.audit.service import AuditService
from app.catalogue import routes as catalogue_routes
from app.catalogue.catalogue import Catalogue
from app.catalogue.code_tree import CodeTree
from app.catalogue.title_words import TitleWords
from app.coding import predict_route
from app.coding import routes as coding_routes
from app.coding.recording import Recorder
from app.coding.service import build_service
from app.crowd import BESIDE_THE_LINE, Crowd
from app.docs_page import install_docs_page
from app.draining import Draining
from app.inference import Coder, Inference
from app.jobs import routes as job_routes
from app.jobs.build import build_jobs
from app.jobs.events import EventStreams
from app.jobs.worker import JobWorker
from app.logs import described
from app.metrics import Metrics
from app.metrics_route import PATH as METRICS_PATH
from app.metrics_route import metrics_router
from app.middleware import BodyLimit, RequestLog
from app.neighbours import routes as neighbour_routes
from app.neighbours.index import NeighbourIndex, open_index
from app.notes import routes as note_routes
from app.notes.service import NoteService
from app.problems import ProblemHandlers
from app.reviews import routes as review_routes
from app.reviews.service import ReviewService
from app.settings import Settings
from app.state import Readiness, State
from app.tracing import Traced, Tracing, trace_statements
from model.errors import InvalidOption

DESCRIPTION = (
    "ICD codes for discharge summaries, with evidence and the most similar past summaries. "
    "Research use, suggestions only, not a medical device."
)


def create_app(settings: Settings, coder: Coder, gate: Gate, tracing: Tracing | None = None) -> FastAPI:
    """The service around one coder behind a gate; the database of ``settings`` is opened and checked here.

    Args:
        tracing: None for none.

    Raises:
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable, EmbeddingMismatch: the database cannot be used.
    """
    database = settings.database
    index: NeighbourIndex | None = None
    if database:
        index = open_index(database, coder.embedding_id, coder.embedding_dim, settings.approximate)
    metrics = Metrics(coder)
    inference = Inference(coder, settings.max_waiting, settings.torch_threads, settings.deadline_seconds, metrics.coded)
    service = build_service(settings, coder, inference, index, metrics.stage)
    engine = None if index is None else index.engine
    jobs, worker = build_jobs(settings, engine, service)
    state = State(
        coder,
        gate,
        service,
        AuditService(service, index),
        _catalogue(coder, service.tree, index),
        NoteService(coder, inference, service.tree, index, settings.max_characters, settings.store_text),
        ReviewService(coder, service.tree, engine),
        jobs,
        EventStreams(),
        index,
        Readiness(drain_seconds=settings.drain_seconds),
        Journal(engine),
        metrics,
        _recorder(settings, coder, index),
        settings.max_batch,
    )
    app = FastAPI(
        title="icd-coder",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan(state, inference, worker, gate, tracing),
        docs_url=None,  # FastAPI's pages load scripts from another host
        redoc_url=None,
        # FastAPI would send exceptions, which can hold note text, to a collector that the environment names.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.parts = state
    ProblemHandlers(settings.retry_after_seconds).install(app)
    routers = (
        predict_route,
        coding_routes,
        audit_routes,
        catalogue_routes,
        neighbour_routes,
        note_routes,
        review_routes,
        job_routes,
        health,
    )
    for routes in routers:
        app.include_router(routes.router)
    app.include_router(metrics_router(settings.metrics))
    install_docs_page(app)
    open_paths = OPEN_PATHS | ({METRICS_PATH} if settings.metrics == "open" else set())
    require_declared(app, open_paths)
    _add_layers(app, settings, state, gate, open_paths)
    if tracing is not None:
        _trace(app, tracing, index, gate)
    return app


def _add_layers(app: FastAPI, settings: Settings, state: State, gate: Gate, open_paths: Set[str]) -> None:
    """From the innermost to the outermost: the last added is asked first."""
    retry_after_seconds = settings.retry_after_seconds
    app.add_middleware(
        BodyLimit,
        max_body_bytes=settings.max_body_bytes,
        seconds=settings.body_seconds,
        max_depth=settings.max_depth,
        max_job_bytes=settings.max_job_bytes,
    )
    app.add_middleware(
        Draining,
        readiness=state.readiness,
        retry_after_seconds=retry_after_seconds,
        probes=open_paths | {METRICS_PATH},
    )
    app.add_middleware(Authentication, gate=gate, retry_after_seconds=retry_after_seconds, open_paths=open_paths)
    app.add_middleware(
        Crowd,
        places=settings.max_waiting + BESIDE_THE_LINE,
        readiness=state.readiness,
        retry_after_seconds=retry_after_seconds,
        probes=open_paths | {METRICS_PATH},
    )
    if gate.loopback_only:
        app.add_middleware(LoopbackHost)
    app.add_middleware(RequestLog, metrics=state.metrics)


def _trace(app: FastAPI, tracing: Tracing, index: NeighbourIndex | None, gate: Gate) -> None:
    app.add_middleware(Traced, tracing=tracing)
    if index is not None:
        trace_statements(index.engine)
    if isinstance(gate, KeyGate):
        trace_statements(gate.engine)


def _catalogue(coder: Coder, tree: CodeTree, index: NeighbourIndex | None) -> Catalogue:
    policies = coder.threshold_policies(with_neighbours=index is not None)
    return Catalogue(coder.bundle_id, tree, TitleWords(coder.codes), policies)


def _recorder(settings: Settings, coder: Coder, index: NeighbourIndex | None) -> Recorder | None:
    if not settings.record_codings:
        return None
    if index is None:
        raise InvalidOption("ICD_CODER_RECORD_CODINGS needs a database: name one with --database, or unset it")
    return Recorder(coder)


def _lifespan(
    state: State, inference: Inference, worker: JobWorker | None, gate: Gate, tracing: Tracing | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with inference:
            warming = asyncio.create_task(_warm_up(inference, state.readiness))
            if worker is not None:
                worker.start()
            yield
            if worker is not None:
                await worker.close()
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
        if state.index is not None:
            state.index.engine.dispose()
        gate.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    return lifespan


async def _warm_up(inference: Inference, readiness: Readiness) -> None:
    try:
        await inference.warm_up()
    except Exception as error:  # noqa: BLE001 - whatever it is, /readyz says so and the process can be asked
        readiness.warm_up = f"failed ({type(error).__name__})"
        structlog.get_logger().error("warm-up failed", **described(error))
    else:
        readiness.warm_up = ""
        structlog.get_logger().info("ready")
