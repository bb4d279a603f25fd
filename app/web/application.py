"""Create the FastAPI application: routes, middleware, error handlers, and its start and stop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine
from starlette.routing import Route

from app.access.gate import Gate, KeyGate
from app.access_log.journal import Journal
from app.bundles.open_bundle import BundleOpener
from app.bundles.service import BundleService
from app.database.engine import open_service_database
from app.inference.worker import Coder
from app.jobs.worker import JobWorker
from app.logs import error_fields
from app.settings import Settings
from app.web.active_bundle import ActiveBundle
from app.web.assembly import assemble, assemble_jobs
from app.web.authentication import OPEN_PATHS, Authentication
from app.web.authorization import require_declared
from app.web.body_limit import BodyLimit, takes_body
from app.web.concurrency_limit import MOST_STREAMS, ConcurrencyLimit
from app.web.docs_page import install_docs_page
from app.web.load_shedding import UNQUEUED_REQUESTS, Draining, LoadShedding
from app.web.loopback_host import LoopbackHost
from app.web.message_framing import MessageFraming
from app.web.metrics import Metrics
from app.web.problems import ProblemHandlers
from app.web.request_log import RequestLog
from app.web.routes import ROUTERS
from app.web.routes.metrics import PATH as METRICS_PATH
from app.web.routes.metrics import metrics_router
from app.web.state import Readiness, ServiceState
from app.web.tracing import Tracing, TracingMiddleware, trace_statements

DESCRIPTION = (
    "ICD codes for discharge summaries, with evidence and the most similar past summaries. "
    "Research use, suggestions only, not a medical device."
)


def create_app(
    settings: Settings, coder: Coder, gate: Gate, tracing: Tracing | None = None, opener: BundleOpener | None = None
) -> FastAPI:
    """The application for one coder; opens and checks the database of the settings.

    Args:
        gate: decides which requests are let in.
        tracing: None for no tracing.
        opener: loads other bundles while the service runs; None to refuse that.

    Raises:
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable, EmbeddingMismatch: the database cannot be used.
    """
    engine = None if settings.database is None else open_service_database(settings.database)
    metrics = Metrics(coder)
    assembled = partial(assemble, settings, engine, metrics)
    active_bundle = ActiveBundle(assembled)
    jobs, worker = assemble_jobs(settings, engine, active_bundle.lease)
    state = ServiceState(
        **vars(assembled(coder)),
        gate=gate,
        jobs=jobs,
        streams=ConcurrencyLimit("streams", MOST_STREAMS, settings.max_streams_by_key),
        bundles=BundleService(engine, settings.bundles, opener, active_bundle),
        readiness=Readiness(drain_seconds=settings.drain_seconds),
        journal=Journal(engine),
        metrics=metrics,
        max_batch=settings.max_batch,
    )
    active_bundle.begin(state)
    app = FastAPI(
        title="icd-coder",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan(active_bundle, engine, worker, gate, tracing),
        redirect_slashes=False,  # a redirect would send key and note again, and in clear behind some proxies
        docs_url=None,  # replaced by app/web/docs_page.py
        redoc_url=None,
        # FastAPI would send exceptions, which can hold note text, to a collector named by the environment.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.active_bundle = active_bundle
    ProblemHandlers(settings.retry_after_seconds).install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(metrics_router(settings.metrics))
    install_docs_page(app)
    open_paths = OPEN_PATHS | ({METRICS_PATH} if settings.metrics == "open" else set())
    require_declared(app, open_paths)
    _add_middleware(app, settings, state, gate, open_paths)
    if tracing is not None:
        _trace(app, tracing, engine, gate)
    return app


def _add_middleware(app: FastAPI, settings: Settings, state: ServiceState, gate: Gate, open_paths: Set[str]) -> None:
    """Add the middleware from the innermost to the outermost; the one added last handles a request first."""
    retry_after_seconds = settings.retry_after_seconds
    app.add_middleware(
        BodyLimit,
        max_body_bytes=settings.max_body_bytes,
        seconds=settings.body_seconds,
        max_depth=settings.max_depth,
        max_job_bytes=settings.max_job_bytes,
        max_uploads_by_key=settings.max_uploads_by_key,
        max_requests=settings.max_waiting + UNQUEUED_REQUESTS,
        bodied=_routes(app, with_body=True),
        bodiless=_routes(app, with_body=False),
    )
    app.add_middleware(
        Draining,
        readiness=state.readiness,
        retry_after_seconds=retry_after_seconds,
        probes=open_paths | {METRICS_PATH},
    )
    app.add_middleware(Authentication, gate=gate, retry_after_seconds=retry_after_seconds, open_paths=open_paths)
    app.add_middleware(
        LoadShedding,
        max_requests=settings.max_waiting + UNQUEUED_REQUESTS,
        readiness=state.readiness,
        retry_after_seconds=retry_after_seconds,
        probes=open_paths | {METRICS_PATH},
    )
    if gate.loopback_only:
        app.add_middleware(LoopbackHost)
    app.add_middleware(MessageFraming)
    app.add_middleware(RequestLog, metrics=state.metrics)


def _routes(app: FastAPI, with_body: bool) -> list[Route]:
    """What matches the routes that take a body, or those that take none."""
    found = []
    for route in iter_route_contexts(app.routes):
        if route.path is not None and takes_body(route) is with_body:
            found.append(Route(route.path, _never, methods=list(route.methods or ())))
    return found


async def _never(_request: Request) -> Response:
    """The routes that match bodies are not served."""
    raise NotImplementedError


def _trace(app: FastAPI, tracing: Tracing, engine: Engine | None, gate: Gate) -> None:
    app.add_middleware(TracingMiddleware, tracing=tracing)
    if engine is not None:
        trace_statements(engine)
    if isinstance(gate, KeyGate):
        trace_statements(gate.engine)


def _lifespan(
    active_bundle: ActiveBundle, engine: Engine | None, worker: JobWorker | None, gate: Gate, tracing: Tracing | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # No variable for the first bundle: it would keep its weights in memory after a swap.
        active_bundle.now.coding.inference.start()
        warming = asyncio.create_task(_warm_up(active_bundle))
        try:
            if worker is not None:
                worker.start()
            yield
            if worker is not None:
                await worker.close()
            warming.cancel()
            with suppress(asyncio.CancelledError):
                await warming
        finally:
            await active_bundle.now.bundles.end()
            await active_bundle.end()
        if engine is not None:
            engine.dispose()
        gate.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    return lifespan


async def _warm_up(active_bundle: ActiveBundle) -> None:
    with active_bundle.lease() as first:
        try:
            await first.coding.inference.warm_up()
        except Exception as error:  # noqa: BLE001 - /readyz reports it, and the process keeps running
            structlog.get_logger().error("warm-up failed", **error_fields(error))
            if first is active_bundle.now:  # otherwise the new bundle has already coded a note
                first.readiness.warm_up = f"failed ({type(error).__name__})"
        else:
            first.readiness.warm_up = ""
            structlog.get_logger().info("ready")
