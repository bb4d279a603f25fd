"""The services that routes declare as parameters.

A route that depends on the active bundle holds one snapshot of it for the whole request, so that every part of an
answer comes from the same bundle even if another is loaded meanwhile.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Request

from app.access_log.journal import Journal
from app.audit.service import AuditService
from app.bundles.service import BundleService
from app.catalogue.service import Catalogue
from app.coding.service import CodingService
from app.jobs.service import JobService
from app.notes.service import NoteService
from app.reviews.service import ReviewService
from app.web.scoped_predictions import Predictor
from app.web.state import Readiness, ServiceState


# The dependencies are async: FastAPI runs others in a thread each.
async def _snapshot(request: Request) -> AsyncIterator[ServiceState]:
    with request.app.state.active_bundle.lease() as state:
        yield state


async def _unleased(request: Request) -> ServiceState:
    state: ServiceState = request.app.state.active_bundle.now
    return state


Snapshot = Annotated[ServiceState, Depends(_snapshot)]
"""The whole state, leased for the request; for routes that report on the service itself."""
_Unleased = Annotated[ServiceState, Depends(_unleased)]


def _of_bundle(name: str) -> Any:
    async def service(state: Snapshot) -> Any:
        return getattr(state, name)

    return Depends(service)


def _of_service(name: str) -> Any:
    """Without a lease: a stream of events may last for hours, and a swap must not wait for it."""

    async def service(state: _Unleased) -> Any:
        return getattr(state, name)

    return Depends(service)


Coding = Annotated[CodingService, _of_bundle("coding")]
Auditing = Annotated[AuditService, _of_bundle("auditing")]
CodeCatalogue = Annotated[Catalogue, _of_bundle("catalogue")]
Notes = Annotated[NoteService, _of_bundle("notes")]
Reviews = Annotated[ReviewService, _of_bundle("reviews")]
AccessJournal = Annotated[Journal, _of_service("journal")]
Bundles = Annotated[BundleService, _of_service("bundles")]
Jobs = Annotated[JobService, _of_service("jobs")]
ServiceReadiness = Annotated[Readiness, _of_service("readiness")]


async def _held_stream(request: Request, state: _Unleased) -> AsyncIterator[None]:
    with state.streams.hold(request.state.caller.who):
        yield


HeldStream = Annotated[None, Depends(_held_stream)]
"""One of the limited streams of the caller, held until the whole answer is sent; stands after the scope."""


# Not by way of the dependency Snapshot: a nested one costs a tenth of a millisecond, and this is the busiest route.
async def _predictor(request: Request) -> AsyncIterator[Predictor]:
    with request.app.state.active_bundle.lease() as state:
        yield Predictor(state.coding, state.recorder, state.journal, state.gate)


Predictions = Annotated[Predictor, Depends(_predictor)]
