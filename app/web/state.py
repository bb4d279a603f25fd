"""What a running service holds: the services of the active bundle, and those that no bundle changes."""

from dataclasses import dataclass

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
from app.web.concurrency_limit import ConcurrencyLimit
from app.web.metrics import Metrics


@dataclass
class Readiness:
    """Whether the service has warmed up, and whether it is stopping."""

    warm_up: str = "has not finished"
    """Why the warm-up prediction is missing; empty once it has been made."""
    stopping: bool = False
    in_flight: int = 0
    """Requests admitted and not yet answered, without those of probes."""
    drain_seconds: int = 0
    """How long probes are still answered at a stop, at least."""


@dataclass(frozen=True, kw_only=True)
class BundleServices:
    """The services of one bundle and its embeddings; they are swapped together."""

    coder: Coder
    coding: CodingService
    auditing: AuditService
    catalogue: Catalogue
    notes: NoteService
    reviews: ReviewService
    index: NeighbourIndex | None
    """None: the service runs without a database."""
    recorder: Recorder | None
    """None: suggestions are not recorded."""


@dataclass(frozen=True, kw_only=True)
class ServiceState(BundleServices):
    """The services at one moment; a bundle swap replaces the inherited fields only."""

    gate: Gate
    jobs: JobService
    streams: ConcurrencyLimit
    bundles: BundleService
    readiness: Readiness
    journal: Journal
    metrics: Metrics
    max_batch: int
    """Most notes in one request."""
