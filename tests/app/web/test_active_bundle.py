"""The snapshot that answers: leased for a whole request, swapped in one step, ended after its last user."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from app.web.active_bundle import ActiveBundle, exempt_from_collection
from app.web.state import BundleServices, Readiness, ServiceState
from tests.app.fakes import FakeCoder


class FakeLine:
    """The line of a bundle: what was done with it."""

    def __init__(self, fails: bool = False) -> None:
        self.done: list[str] = []
        self.fails = fails

    def start(self) -> None:
        self.done.append("start")

    async def warm_up(self) -> None:
        self.done.append("warm up")
        if self.fails:
            raise RuntimeError("no")

    async def end(self) -> None:
        self.done.append("end")


def parts(coder: FakeCoder, line: FakeLine) -> Any:
    """Of a bundle, of which only these are looked at."""
    others = ("auditing", "catalogue", "notes", "reviews", "index", "recorder")
    return BundleServices(coder=coder, coding=SimpleNamespace(inference=line), **dict.fromkeys(others))  # type: ignore


def serving(line: FakeLine, *following: FakeLine) -> ActiveBundle:
    """A first bundle, and the lines of those that come after it."""
    left = iter(following)
    made = ActiveBundle(lambda coder: parts(coder, next(left)))  # type: ignore[arg-type]
    metrics = SimpleNamespace(bundle=lambda coder: None)
    others = ("gate", "jobs", "streams", "bundles", "journal", "max_batch")
    shared = {"metrics": metrics, "readiness": Readiness(), **dict.fromkeys(others)}
    made.begin(ServiceState(**vars(parts(FakeCoder(), line)), **shared))  # type: ignore[arg-type]
    return made


def decide(error: Exception | None = None) -> Callable[[], Awaitable[None]]:
    async def decided() -> None:
        if error is not None:
            raise error

    return decided


def test_who_has_begun_ends_with_the_bundle_before() -> None:
    """And its line is ended when the last of them has left, not before."""
    first, second = FakeLine(), FakeLine()

    async def scenario() -> None:
        place = serving(first, second)
        other = FakeCoder()
        with place.lease() as one:
            with place.lease() as two:
                await place.swap(other, decide())
                assert second.done == ["start", "warm up"]
                assert place.now.coder is other
                assert one is two
                assert one.coder is not other
                with place.lease() as three:
                    assert three.coder is other
            await asyncio.sleep(0)
            assert first.done == []
        await asyncio.sleep(0)
        assert first.done == ["end"]
        await place.end()
        assert second.done == ["start", "warm up", "end"]

    asyncio.run(scenario())


def test_an_unused_bundle_is_ended_at_once() -> None:
    """There is nothing to wait for."""
    first = FakeLine()

    async def scenario() -> None:
        place = serving(first, FakeLine())
        await place.swap(FakeCoder(), decide())
        await place.end()

    asyncio.run(scenario())
    assert first.done == ["end"]


@pytest.mark.parametrize("failing", ["warm up", "decision"])
def test_what_fails_is_ended_and_changes_nothing(failing: str) -> None:
    """The bundle before goes on."""
    first, second = FakeLine(), FakeLine(fails=failing == "warm up")

    async def scenario() -> None:
        place = serving(first, second)
        before = place.now
        with pytest.raises(RuntimeError):
            await place.swap(FakeCoder(), decide(RuntimeError("no") if failing == "decision" else None))
        assert place.now is before
        assert place.bundle_id == before.coder.bundle_id

    asyncio.run(scenario())
    assert first.done == []
    assert second.done == ["start", "warm up", "end"]


def test_a_replaced_bundle_that_refers_to_itself_leaves_the_memory() -> None:
    """Although it was out of the collections while it served."""

    async def scenario() -> None:
        place = serving(FakeLine(), FakeLine())
        place.now.coder.itself = place.now.coder  # type: ignore[attr-defined]
        replaced = weakref.ref(place.now.coder)
        exempt_from_collection()
        assert gc.get_freeze_count() > 0
        await place.swap(FakeCoder(), decide())
        await asyncio.gather(*place._ending)
        await asyncio.sleep(0)
        assert replaced() is None

    try:
        asyncio.run(scenario())
    finally:
        gc.unfreeze()
