"""OpenTelemetry spans, sent to one configured collector; off by default.

A span has a fixed name, times, and for a request its method, route template and status; never text, codes or note ids
(docs/decisions/0019). Exceptions are not recorded, because their messages can hold database rows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import PREFIX, Settings
from app.web.request_log import METHODS, template
from model.errors import InvalidOption
from model.stage_timing import observe_stages, report_stage

if TYPE_CHECKING:  # an extra that need not be installed
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

SETTING = f"{PREFIX}TRACING_COLLECTOR"
EXPORT_SECONDS = 5
_STARTED = "icd_coder_started"


@dataclass(frozen=True)
class Tracing:
    """Makes spans with a tracer; observes the stages of notes."""

    tracer: "Tracer"
    close: Callable[[], None]
    """Sends the remaining spans and shuts down."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A span around the block."""
        with self.tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
            yield

    def report_stage(self, name: str, seconds: float) -> None:
        """Record a span that ends now."""
        now = time.time_ns()
        self.tracer.start_span(name, start_time=now - int(seconds * 1e9)).end(now)

    @contextmanager
    def request(self, context: "Context") -> "Iterator[Span]":
        """A span around a request, as a child of the client's span if the request names one."""
        from opentelemetry.trace import SpanKind

        with (
            observe_stages(self),
            self.tracer.start_as_current_span(
                "request", context, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
            ) as span,
        ):
            yield span


def open_tracing(settings: Settings) -> Tracing | None:
    """Tracing to the collector of the settings, or None without one.

    Raises:
        InvalidOption: the collector is not an address, or the packages are not installed.
    """
    collector = settings.tracing_collector
    if collector is None:
        return None
    address = urlsplit(collector)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise InvalidOption(
            f"the setting {SETTING} cannot be used: give an address such as http://127.0.0.1:4318/v1/traces"
        )
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from requests import Session
    except ImportError:
        raise InvalidOption(
            f"{SETTING} needs packages that are not installed: run `pip install 'icd-coder[tracing]'`, or unset it"
        ) from None
    session = Session()
    session.trust_env = False  # the collector is asked directly, whatever HTTP_PROXY says
    # The default resource would name the machine, the process and its command line.
    provider = TracerProvider(resource=Resource({"service.name": "icd-coder"}), shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(collector, timeout=EXPORT_SECONDS, session=session))
    )
    return Tracing(provider.get_tracer("icd-coder"), provider.shutdown)


class TracingMiddleware:
    """Middleware that records a span for each request."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with self.tracing.request(_parent(scope)) as span:

            async def send_with_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self.app(scope, receive, send_with_status)
            finally:
                method = scope["method"] if scope["method"] in METHODS else "other"
                span.set_attribute("http.request.method", method)
                span.set_attribute("http.route", template(scope))


def _parent(scope: Scope) -> "Context":
    """The client's span, from the header traceparent only: tracestate and baggage can hold free text."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = Headers(scope=scope).getlist("traceparent")
    carrier = {"traceparent": given[0]} if len(given) == 1 else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def trace_statements(engine: Engine) -> None:
    """Report each statement of an engine as a stage ``database``, without its SQL."""
    event.listen(engine, "before_cursor_execute", _start)
    event.listen(engine, "after_cursor_execute", _end)
    event.listen(engine, "handle_error", _fail)


def _start(connection: Connection, *_: object) -> None:
    connection.info[_STARTED] = time.perf_counter()


def _end(connection: Connection, *_: object) -> None:
    started = connection.info.pop(_STARTED, None)
    if started is not None:
        report_stage("database", time.perf_counter() - started)


def _fail(context: ExceptionContext) -> None:
    if context.connection is not None and not context.connection.invalidated and not context.connection.closed:
        _end(context.connection)
