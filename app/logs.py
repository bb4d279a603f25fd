"""JSON logs that hold no note text: one line a request, errors by class and place.

An exception's message and its chained causes can hold a note (a database's failing row, a parser's excerpt), so
no log line ever carries one; class and source lines are enough to find the place.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def configure_logs(stream: TextIO, level: int = logging.INFO) -> None:
    """Send structlog's and every library's log to the stream as JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,  # the request's id
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, name_only],
            processors=[
                error_without_message,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def name_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep uvicorn's own words; of any other library keep only its name (asyncio prints exceptions).

    Uvicorn's own words are one line; more are the traceback of a start or a stop that failed.
    """
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if not record.name.startswith("uvicorn") or "\n" in str(event["event"]):
        event["event"] = "message of a library withheld"
    return event


def error_without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its class and places."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.update(error_fields(error))
    event.pop("exception", None)
    event.pop("stack", None)
    return event


def error_fields(error: BaseException) -> dict[str, str | list[str]]:
    """Fields for a log line: the class and the places of an error, not its message."""
    return {"error": type(error).__name__, "at": places(error.__traceback__)}


def places(trace: TracebackType | None) -> list[str]:
    """The innermost eight frames as "file:line function", without source text or values."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
