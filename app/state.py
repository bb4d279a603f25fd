"""What the routes share, made once at start."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.access.gate import Gate
from app.access_log.journal import Journal
from app.audit.service import AuditService
from app.catalogue.catalogue import Catalogue
from app.coding.recording import Recorder
from app.coding.service import CodingService
from app.inference import Coder
from app.jobs.events import EventStreams
from app.jobs.service import JobService
from app.metrics import Metrics
from app.neighbours.index import NeighbourIndex
from app.notes.service import NoteService
from app.reviews.service import ReviewService


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


@dataclass(frozen=True)
class State:
    """The parts of a running service."""

    coder: Coder
    gate: Gate
    coding: CodingService
    auditing: AuditService
    catalogue: Catalogue
    notes: NoteService
    reviews: ReviewService
    jobs: JobService
    event_streams: EventStreams
    index: NeighbourIndex | None
    readiness: Readiness
    journal: Journal
    metrics: Metrics
    recorder: Recorder | None
    """None: what was suggested is not kept."""
    max_batch: int
    """Most notes in one request."""


# Not async, they would each be run in a thread.
async def _state(request: Request) -> State:
    state: State = request.app.state.parts
    return state


async def _coding(request: Request) -> CodingService:
    return (await _state(request)).coding


Parts = Annotated[State, Depends(_state)]
Coding = Annotated[CodingService, Depends(_coding)]
