"""The bundle that answers now: a request keeps one snapshot of its services, and a swap replaces them in one step."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.inference.worker import Coder
from app.web.state import BundleServices, ServiceState

Assemble = Callable[[Coder], BundleServices]


@dataclass
class _Snapshot:
    """The services of one bundle, and how many requests use them."""

    state: ServiceState
    users: int = 0


class ActiveBundle:
    """Hands out snapshots and swaps bundles; use it in the event loop only.

    A replaced bundle is ended when the last request that leased it has been answered.
    """

    _current: _Snapshot

    def __init__(self, assemble: Assemble) -> None:
        """Without a bundle until :meth:`begin`, because services of the first one refer to this object.

        Args:
            assemble: makes the services of another bundle over the same database; called in a thread.
        """
        self._assemble = assemble
        self._ending: set[asyncio.Task[None]] = set()

    def begin(self, state: ServiceState) -> None:
        """Set the first bundle; the application starts its worker and warms it up."""
        self._current = _Snapshot(state)

    @property
    def now(self) -> ServiceState:
        """The current state without a lease: for a single use, or for services that no bundle changes."""
        return self._current.state

    @property
    def bundle_id(self) -> str:
        """Of the current bundle."""
        return self.now.coder.bundle_id

    @contextmanager
    def lease(self) -> Iterator[ServiceState]:
        """The current state, which stays usable until the block ends even if another bundle is loaded meanwhile."""
        snapshot = self._current
        snapshot.users += 1
        try:
            yield snapshot.state
        finally:
            snapshot.users -= 1
            self._end_if_unused(snapshot)

    async def swap(self, coder: Coder, decided: Callable[[], Awaitable[None]]) -> None:
        """Replace the bundle once the new one has coded a warm-up note; see :class:`app.bundles.service.Exchange`."""
        services = await asyncio.to_thread(self._assemble, coder)
        inference = services.coding.inference
        inference.start()
        try:
            await inference.warm_up()
            await decided()
        except BaseException:
            await inference.end()
            raise
        old, self._current = self._current, _Snapshot(replace(self.now, **vars(services)))
        self.now.readiness.warm_up = ""  # the first bundle's warm-up may have failed
        self.now.metrics.bundle(coder)
        self._end_if_unused(old)

    async def end(self) -> None:
        """End the current bundle, and wait for replaced ones that are still ending."""
        await self.now.coding.inference.end()
        await asyncio.gather(*self._ending)

    def _end_if_unused(self, snapshot: _Snapshot) -> None:
        if snapshot is self._current or snapshot.users:
            return
        task = asyncio.get_running_loop().create_task(snapshot.state.coding.inference.end())
        self._ending.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        exempt_from_collection()


def exempt_from_collection() -> None:
    """Collect garbage once, and leave all that is there now out of later collections.

    The modules, the routes and a bundle are some hundred thousand objects that stay. To walk over them at each full
    collection took a fifth of the time that a request spends in the service (docs/LOG.md, 2026-12-01).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
