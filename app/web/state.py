"""What the routes share."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.access.gate import Gate
from app.access_log.journal import Journal
from app.audit.service import AuditService
from app.bundles.service import BundleService
from app.catalogue.service import Catalogue
from app.coding.recording import Recorder
from app.coding.service import CodingService
from app.inference.worker import Coder
from app.jobs.service import JobService
from app.neighbours.index import NeighbourIndex
from app.notes.service import NoteService
from app.reviews.service import ReviewService
from app.web.job_events import EventStreams
from app.web.metrics import Metrics


@dataclass
class Readiness:
    """What has still to happen before the first note, and after the last."""

    warm_up: str = "has not finished"
    """Empty once a note was coded."""
    stopping: bool = False
    in_flight: int = 0
    """Requests that the service has let in and not answered yet, without those of probes."""
    drain_seconds: int = 0
    """How long probes are answered at a stop, at least."""


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """The parts that belong to one bundle, its embeddings included; they are swapped together."""

    coder: Coder
    coding: CodingService
    auditing: AuditService
    catalogue: Catalogue
    notes: NoteService
    reviews: ReviewService
    index: NeighbourIndex | None
    recorder: Recorder | None
    """None: what was suggested is not kept."""


@dataclass(frozen=True, kw_only=True)
class State(BundleParts):
    """The parts of a running service, as they are at one moment; those of no bundle are the same at every one."""

    gate: Gate
    jobs: JobService
    event_streams: EventStreams
    bundles: BundleService
    readiness: Readiness
    journal: Journal
    metrics: Metrics
    max_batch: int
    """Most notes in one request."""


# Not async, they would each be run in a thread.
async def _leased(request: Request) -> AsyncIterator[State]:
    with request.app.state.serving.lease() as state:
        yield state


async def _standing(request: Request) -> State:
    state: State = request.app.state.serving.now
    return state


Parts = Annotated[State, Depends(_leased)]
"""One snapshot for the whole request, however often it is asked for: an answer is of one bundle."""
Standing = Annotated[State, Depends(_standing)]
"""For what may take hours, or swaps bundles itself: only the parts that are no bundle's may be used."""


async def _coding(parts: Parts) -> CodingService:
    return parts.coding


Coding = Annotated[CodingService, Depends(_coding)]
