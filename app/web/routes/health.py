"""Is the process alive, and can it answer."""

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from app.errors import DatabaseUnavailable, NotReady
from app.web.problems import documented
from app.web.state import Parts

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """One word."""

    status: str


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Health:
    """The process answers; it does so while a note is coded."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=documented(503))
async def readyz(parts: Parts) -> Health:
    """A note was coded at start and the database, where one is used, can be read; else what is missing."""
    missing = []
    if parts.readiness.stopping:
        missing.append("the service is stopping")
    if parts.readiness.warm_up:
        missing.append(f"the warm-up prediction {parts.readiness.warm_up}")
    if parts.index is not None:
        try:
            await asyncio.to_thread(parts.index.check)
        except DatabaseUnavailable as error:
            missing.append(str(error))
    if missing:
        raise NotReady("not ready: " + "; ".join(missing))
    return Health(status="ready")
