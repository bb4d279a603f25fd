"""Ctrl-C and SIGTERM in training: the step under way ends and a checkpoint is written before the process does."""

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Never

WATCHED = (signal.SIGINT, signal.SIGTERM)
STOPPING = b"\nicd-coder: stopping after this step, with a checkpoint; once more to stop at once\n"


class StopSignal:
    """Within the block, the first signal is only remembered; a second one acts as it would have without the block."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handler
            self._before = {number: signal.signal(number, self._remember) for number in WATCHED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def end(self) -> Never:
        """End the process as the signal would have; another process of the run may be the one that received it."""
        if self.received == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._restore()
        os.write(2, STOPPING)  # sys.stderr may be in the middle of a write of its own

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
