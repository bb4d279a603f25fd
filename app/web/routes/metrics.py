"""``GET /metrics`` for Prometheus; the setting ``metrics`` makes it need the scope admin, be open, or be absent."""

import asyncio

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from app.access.scopes import Scope
from app.errors import DatabaseUnavailable
from app.settings import MetricsAccess
from app.web.authorization import Requires
from app.web.dependencies import Snapshot
from app.web.problems import KEYED, documented
from app.web.state import ServiceState

PATH = "/metrics"


def metrics_router(access: MetricsAccess) -> APIRouter:
    """A router with the route, or without it if the setting is "off"."""
    router = APIRouter(tags=["health"])
    if access == "off":
        return router
    closed = access == "admin"
    router.add_api_route(
        PATH,
        metrics,
        response_class=PlainTextResponse,
        responses=documented(*KEYED, 500, 503) if closed else documented(500),
        dependencies=[Depends(Requires(Scope.ADMIN))] if closed else [],
    )
    return router


async def metrics(state: Snapshot) -> Response:
    """Requests, latency by stage, queue depth, tokens, states of model and database, for Prometheus."""
    gauges, inference = state.metrics, state.coding.inference
    gauges.waiting.set(inference.waiting)
    gauges.working.set(inference.working)
    gauges.in_flight.set(state.readiness.in_flight)
    gauges.model_ready.set(not state.readiness.warm_up)
    gauges.stopping.set(state.readiness.stopping)
    gauges.database_up.set(await _database_up(state))
    return Response(gauges.text(), media_type=CONTENT_TYPE_LATEST)


async def _database_up(state: ServiceState) -> int:
    if state.index is None:
        return -1
    try:
        await asyncio.to_thread(state.index.check)
    except DatabaseUnavailable:
        return 0
    return 1
