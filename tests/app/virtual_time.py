"""An event loop whose clock jumps to the next timer: tests of time limits do not wait and do not depend on load."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Jumping(selectors.SelectSelector):
    """Adds the time that it would have waited to ``now``."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("no timer is set and nothing is ready: the test would wait for ever")
        self.now += max(0.0, timeout)
        return super().select(0)


def _jumping_loop() -> asyncio.AbstractEventLoop:
    clock = _Jumping()
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now  # type: ignore[method-assign]
    return loop


def run(scenario: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run, from second 0 of the loop's clock on; for coroutines without sockets and threads."""
    with asyncio.Runner(loop_factory=_jumping_loop) as runner:
        return runner.run(scenario)
