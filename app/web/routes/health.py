"""``/healthz`` and ``/readyz``: liveness and readiness probes."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from app.errors import DatabaseUnavailable, NotReady
from app.web.dependencies import Snapshot
from app.web.problems import documented, log_for_operator

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """State of the process: ``ok`` or ``ready``."""

    status: str


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Health:
    """The process answers; it does so while a note is coded."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=documented(503))
async def readyz(state: Snapshot) -> Health:
    """A note was coded at start and the database, where one is used, can be read and written; else what is missing."""
    missing = []
    if state.readiness.stopping:
        missing.append("the service is stopping")
    if state.readiness.warm_up:
        missing.append(f"the warm-up prediction {state.readiness.warm_up}")
    if state.index is not None:
        try:
            await asyncio.to_thread(state.index.check)
            await asyncio.to_thread(state.journal.require_writable)
        except DatabaseUnavailable as error:
            log_for_operator(error)
            missing.append(f"the database cannot be used ({error.cause})")  # strangers ask, too: nothing of its place
    if missing:
        raise NotReady("not ready: " + "; ".join(missing))
    return Health(status="ready")
