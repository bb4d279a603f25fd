"""Ctrl-C and SIGTERM while a connection closes: they take effect right after it.

SQLAlchemy logs an exception that is raised inside of a closing connection with its traceback, also a KeyboardInterrupt.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

DEFERRED = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_signals() -> Iterator[None]:
    """Let a signal that arrives within the block act at its end.

    Only in the main thread of a command, where Ctrl-C raises KeyboardInterrupt. The handlers of a service raise
    nothing, so its requests are spared the change of handlers.
    """
    raises = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not raises or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in DEFERRED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])
