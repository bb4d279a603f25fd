"""Ctrl-C and SIGTERM while a connection closes: they take effect right after it.

SQLAlchemy logs an exception that is raised inside of a closing connection with its traceback, also a KeyboardInterrupt.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType

DEFERRED = (signal.SIGINT, signal.SIGTERM)


def uninterrupted(action: Callable[[], None]) -> None:
    """Run an action; a signal that arrives meanwhile acts at its end.

    Only in the main thread of a command, where Ctrl-C raises KeyboardInterrupt. The handlers of a service raise
    nothing, so its requests are spared the change of handlers.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        action()
        return
    received: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, remember) for number in DEFERRED}
    try:
        action()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])
