"""JSON logs without note text.

Note text could reach a log in three ways, each with one guard:

- Our own log calls: they name fixed events and pass ids, counts, times and statuses. An error is passed as
  ``**error_fields(error)``, its class and source lines; its message can hold a note (a failing database row, an
  excerpt of a parser).
- Exceptions that a log call attaches (``exc_info``): ``error_without_message`` replaces them by the same fields.
- Messages of libraries: ``name_only`` keeps only the name of the logger; uvicorn's one-line messages are kept, because
  its access log is off and they hold addresses only.

What a client without a key can cause at will is logged once a minute with its number of times.

``tests/app/test_private_log.py`` sends a note through every kind of failure and searches the logs for it.
"""

import logging
import math
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Hashable
from time import monotonic
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

NOBODY = "nobody"
"""Who sent a request without a valid key."""
REPEAT_SECONDS = 60.0
"""Interval between two log lines of the same kind."""


class OncePerMinute(logging.Filter):
    """Drops a line whose kind was logged less than a minute ago; the next one says how often it came (``times``).

    Otherwise whoever can reach the port could fill the disk with log lines. Kinds are few: they are places in code and
    routes, never what a client sent.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Nothing is logged yet.

        Args:
            clock: seconds, never set back.
        """
        super().__init__()
        self._clock = clock
        self._logged: dict[Hashable, float] = {}
        self._dropped: Counter[Hashable] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        kind = _kind_of(record)
        if kind is None:
            return True
        now = self._clock()
        if now - self._logged.get(kind, -math.inf) < REPEAT_SECONDS:
            self._dropped[kind] += 1
            return False
        self._logged[kind] = now
        if dropped := self._dropped.pop(kind, 0):
            record.__dict__["times"] = dropped + 1
        return True


def _kind_of(record: logging.LogRecord) -> Hashable:
    """What two records have in common that are logged once a minute; None for a record that is always logged.

    They are our own errors, requests without a valid key, and the warnings and errors of libraries.
    """
    event = record.msg
    if not isinstance(event, dict):
        if record.levelno < logging.WARNING:
            return None
        return record.name, record.pathname, record.lineno, record.exc_info and record.exc_info[0]
    if "error" in event:
        return event["event"], event["error"], tuple(event.get("at", ()))
    if event.get("who") == NOBODY:
        return event["event"], event["method"], event["route"], event["status"]
    return None


def configure_logs(stream: TextIO, level: int = logging.INFO) -> None:
    """Write the logs of the service and of all libraries to the stream as JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,  # adds the request id
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
                structlog.stdlib.ExtraAdder(["times"]),
                error_without_message,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    handler.addFilter(OncePerMinute())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def name_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Guard library messages: keep only the logger's name, except for one-line messages of uvicorn.

    asyncio logs exceptions, and a message of uvicorn with several lines is a traceback.
    """
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if not record.name.startswith("uvicorn") or "\n" in str(event["event"]):
        event["event"] = "message of a library withheld"
    return event


def error_without_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Guard attached exceptions: replace them, and any formatted traceback, by :func:`error_fields`."""
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
    """Guard errors in our own log calls: the class and the source lines of an error, without its message."""
    return {"error": type(error).__name__, "at": places(error.__traceback__)}


def places(trace: TracebackType | None) -> list[str]:
    """The innermost eight frames as "file:line function", without source text or values."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
