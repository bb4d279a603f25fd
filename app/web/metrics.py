"""Metrics for Prometheus: counts and seconds by route template; no ids and no note text."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from app.inference.work_item import WorkItem
from app.inference.worker import Coder
from model.prediction import CodedNote

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CLIENT_GONE = "gone"
"""The label ``status`` of a request whose client disconnected before the answer."""


class Metrics:
    """The counters and gauges of one application, in a registry of their own."""

    def __init__(self, coder: Coder) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "icd_coder_requests", "Requests by route template.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "icd_coder_request_seconds",
            "From the first byte to the answer.",
            ["route"],
            registry=registry,
            buckets=SECONDS,
        )
        self._stage_seconds = Histogram(
            "icd_coder_stage_seconds",
            "Of a note: waiting and coding (together inference), neighbours.",
            ["stage"],
            registry=registry,
            buckets=SECONDS,
        )
        self._tokens = Counter("icd_coder_tokens", "Tokens of coded notes.", ["part"], registry=registry)
        self._notes = Counter("icd_coder_notes", "Notes coded, each before its client left.", registry=registry)
        self.waiting = Gauge("icd_coder_queue_depth", "Notes that wait.", registry=registry)
        self.working = Gauge("icd_coder_working", "1 while a note is coded.", registry=registry)
        self.in_flight = Gauge("icd_coder_in_flight", "Requests let in, not answered yet.", registry=registry)
        self.model_ready = Gauge("icd_coder_model_ready", "1 after the warm-up.", registry=registry)
        self.stopping = Gauge("icd_coder_stopping", "1 during a stop.", registry=registry)
        self.database_up = Gauge(
            "icd_coder_database_up", "1 if it can be read, -1 if none is in use.", registry=registry
        )
        self._bundle = Info("icd_coder_bundle", "The bundle that answers.", registry=registry)
        self.bundle(coder)

    def bundle(self, coder: Coder) -> None:
        """Set the labels of the active bundle."""
        self._bundle.info(
            {"bundle_id": coder.bundle_id, "embedding_id": coder.embedding_id, "precision": coder.precision}
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; status 0 means that the client disconnected before the answer."""
        self._requests.labels(method, route, str(status) if status else CLIENT_GONE).inc()
        self._request_seconds.labels(route).observe(seconds)

    def stage(self, name: str, seconds: float) -> None:
        """Add the duration of a stage of coding a note."""
        self._stage_seconds.labels(name).observe(seconds)

    def coded(self, item: WorkItem[CodedNote], note: CodedNote) -> None:
        """Count a coded note, its tokens, and its seconds in the queue and in the coder."""
        self._notes.inc()
        self._tokens.labels("read").inc(note.tokens.read)
        self._tokens.labels("left_out").inc(note.tokens.total - note.tokens.read)
        self.stage("waiting", item.queue_seconds)
        self.stage("coding", item.work_seconds or 0.0)

    def text(self) -> bytes:
        """The metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
