"""Spans of requests and of their stages, and that none holds a word, code or id of a note."""

import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.access.scopes import Scope
from app.inference.worker import Coder
from app.settings import load_settings
from app.web.application import create_app
from app.web.tracing import Tracing, open_tracing
from model.errors import InvalidOption
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.fakes import CANARY, FakeCoder
from tests.factories import tiny_coder

STAGES = ("queue", "tokenise", "encode", "rank", "neighbours", "database")


class Collector:
    """A tracing that keeps its spans in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.closed = False
        self.tracing = Tracing(provider.get_tracer("test"), self._close)

    def _close(self) -> None:
        self.closed = True

    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, and forget them."""
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def traced(tmp_path: Path, collector: Collector, logs: StringIO) -> Iterator[TestClient]:
    """A traced service with a real coder behind keys, and stored notes with texts."""
    coder: Coder = tiny_coder(tmp_path / "bundle")
    stored = FakeCoder(coder.embedding_id, coder.embedding_dim)
    url = indexed_database(tmp_path, stored)
    _, gate = keyed_app(url, stored)
    settings = load_settings(database=url, store_text=True)
    with TestClient(create_app(settings, coder, gate, collector.tracing)) as client:
        client.headers.update(bearer(make_key(gate, *Scope)))
        client.post("/v1/predict", json={"text": "behind the warm-up"})
        collector.exporter.clear()
        yield client


def test_the_stages_of_a_note_are_parts_of_its_request(traced: TestClient, collector: Collector) -> None:
    """In one trace, each inside the time of the request, across threads."""
    assert traced.post("/v1/predict", json={"text": "hypertension"}).status_code == 200
    spans = collector.spans()
    (request,) = (span for span in spans if span.name == "request")
    assert {span.name for span in spans} == {"request", *STAGES}
    assert {span.context.trace_id for span in spans} == {request.context.trace_id}
    assert all(request.start_time <= span.start_time <= span.end_time <= request.end_time for span in spans)
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/predict",
        "http.response.status_code": 200,
    }
    by_id = {span.context.span_id: span for span in spans}
    parents = {(span.name, by_id[span.parent.span_id].name) for span in spans if span.parent}
    assert parents == {
        *((name, "request") for name in ("queue", "tokenise", "encode", "rank", "neighbours", "database")),
        ("database", "neighbours"),
    }


def test_requests_do_not_mix(traced: TestClient, collector: Collector) -> None:
    """Each trace has one of each of the coder's stages."""
    for _ in range(3):
        traced.post("/v1/predict", json={"text": "hypertension"})
    traces: dict[int, list[str]] = {}
    for span in collector.spans():
        traces.setdefault(span.context.trace_id, []).append(span.name)
    assert len(traces) == 3
    assert all(names.count(name) == 1 for names in traces.values() for name in ("request", "queue", "encode", "rank"))


def test_no_span_holds_anything_of_a_note(traced: TestClient, collector: Collector, logs: StringIO) -> None:
    """Text, id, patient, codes, query, path, headers, whether it is answered, refused, not found or fails."""
    note = {"note_id": f"{CANARY}-17", "text": f"{CANARY} heart failure", "codes": [{"code": "401.9"}]}
    headers = {"tracestate": f"a={CANARY}", "baggage": f"name={CANARY}", "User-Agent": CANARY, "X-Request-ID": CANARY}
    traced.post("/v1/notes", json=note, headers=headers)
    traced.post("/v1/predict", json={"text": note["text"], "subject_id": CANARY}, headers=headers)
    traced.post("/v1/predict", json={"note_id": note["note_id"]}, headers={"Accept": "application/fhir+json"})
    option = "no-such-option"  # which the answer names
    traced.post("/v1/predict", json={"text": CANARY, option: 1})
    traced.post("/v1/predict", json={"text": CANARY, "policy": option})
    traced.post("/v1/audit", json={"text": CANARY, "codes": [{"code": "401.9"}]})
    traced.get(f"/v1/notes/{note['note_id']}")
    traced.get("/v1/codes", params={"q": CANARY})
    traced.get(f"/{CANARY}")
    traced.request(CANARY.upper(), "/v1/predict")
    traced.delete(f"/v1/notes/{note['note_id']}")
    spans = collector.spans()
    told = "".join(span.to_json() for span in spans)
    assert len([span for span in spans if span.name == "request"]) == 11
    assert CANARY.lower() not in told.lower()
    assert option not in told
    assert "401" not in {str(value) for span in spans for value in span.attributes.values()}
    assert "SELECT" not in told
    assert {name for span in spans for name in span.attributes} == {
        "http.request.method", "http.route", "http.response.status_code"
    }  # fmt: skip
    assert not [event for span in spans for event in span.events]
    assert CANARY not in logs.getvalue()


def test_an_unexpected_error_is_not_in_a_span(
    tmp_path: Path, collector: Collector, coder: FakeCoder, logs: StringIO
) -> None:
    """Its message can hold a note."""
    _, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    app = create_app(load_settings(), coder, gate, collector.tracing)
    with TestClient(app) as client:
        headers = bearer(make_key(gate, Scope.PREDICT))
        client.post("/v1/predict", json={"text": "behind the warm-up"}, headers=headers)
        coder.error = RuntimeError(CANARY)
        assert client.post("/v1/predict", json={"text": "x"}, headers=headers).status_code == 500
    told = "".join(span.to_json() for span in collector.spans())
    assert '"http.response.status_code": 500' in told
    assert CANARY not in told
    assert collector.closed


def test_the_clients_span_is_the_parent(traced: TestClient, collector: Collector) -> None:
    """By traceparent; one that is none begins a trace."""
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    traced.get("/healthz", headers={"traceparent": f"00-{trace}-{parent}-01"})
    traced.get("/healthz", headers={"traceparent": f"00-{CANARY}"})
    first, second = (span for span in collector.spans() if span.name == "request")
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (trace, parent)
    assert second.parent is None


def test_tracing_is_off_unless_a_collector_is_named() -> None:
    """Whatever the environment of OpenTelemetry says."""
    assert open_tracing(load_settings()) is None


@pytest.mark.parametrize("address", ["localhost:4318", "ftp://collector/", "http://", ""])
def test_an_address_that_is_none(address: str) -> None:
    """Named by its setting."""
    with pytest.raises(InvalidOption, match="ICD_CODER_TRACING_COLLECTOR cannot be used"):
        open_tracing(load_settings(tracing_collector=address))


def test_missing_packages_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(InvalidOption, match=r"run `pip install 'icd-coder\[tracing\]'`"):
        open_tracing(load_settings(tracing_collector="http://127.0.0.1:4318/v1/traces"))


def test_spans_arrive_at_the_collector(httpserver_of_spans: Any) -> None:
    """At the address of the setting, not at one of the environment."""
    address, received = httpserver_of_spans
    tracing = open_tracing(load_settings(tracing_collector=address))
    assert tracing is not None
    with tracing.stage("encode"):
        tracing.report_stage("queue", 0.5)
    tracing.close()
    assert [path for path, _ in received] == ["/v1/traces"]
    body = received[0][1]
    assert b"encode" in body
    assert b"queue" in body
    assert b"host.name" not in body


@pytest.fixture
def httpserver_of_spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """The address of a collector on this machine, and what it gets: path and body."""
    import gzip
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            received.append((self.path, gzip.decompress(body) if zipped else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/elsewhere")
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    server.shutdown()
    thread.join()
    server.server_close()
