"""What answers now: one snapshot for a whole request, swapped in one step, ended when its last request has left."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.inference.worker import Coder
from app.web.state import BundleParts, State

Assemble = Callable[[Coder], BundleParts]


@dataclass
class _Turn:
    """The time of one bundle."""

    state: State
    users: int = 0


class Serving:
    """The current snapshot; to be used in the event loop alone."""

    _turn: _Turn

    def __init__(self, assemble: Assemble) -> None:
        """Empty until :meth:`begin`: parts of the first snapshot hold this place.

        Args:
            assemble: the parts of another bundle over the same database; called in a thread.
        """
        self._assemble = assemble
        self._ending: set[asyncio.Task[None]] = set()

    def begin(self, state: State) -> None:
        """Let the first snapshot answer; its line is started and warmed up by the application."""
        self._turn = _Turn(state)

    @property
    def now(self) -> State:
        """For who asks once, or for what is no bundle's."""
        return self._turn.state

    @property
    def bundle_id(self) -> str:
        """Of the bundle that answers now."""
        return self.now.coder.bundle_id

    @contextmanager
    def lease(self) -> Iterator[State]:
        """The snapshot of now, which can answer until the block ends, whatever is swapped meanwhile."""
        turn = self._turn
        turn.users += 1
        try:
            yield turn.state
        finally:
            turn.users -= 1
            self._end_if_over(turn)

    async def swap(self, coder: Coder, decided: Callable[[], Awaitable[None]]) -> None:
        """See :class:`app.bundles.service.Exchange`; the coder has coded a note before anybody waits for it."""
        parts = await asyncio.to_thread(self._assemble, coder)
        inference = parts.coding.inference
        inference.start()
        try:
            await inference.warm_up()
            await decided()
        except BaseException:
            await inference.end()
            raise
        old, self._turn = self._turn, _Turn(replace(self.now, **vars(parts)))
        self.now.readiness.warm_up = ""  # whatever became of the first one's
        self.now.metrics.bundle(coder)
        self._end_if_over(old)

    async def end(self) -> None:
        """End what answers now, and wait for those before."""
        await self.now.coding.inference.end()
        await asyncio.gather(*self._ending)

    def _end_if_over(self, turn: _Turn) -> None:
        if turn is self._turn or turn.users:
            return
        task = asyncio.get_running_loop().create_task(turn.state.coding.inference.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
