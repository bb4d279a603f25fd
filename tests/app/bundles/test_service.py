"""Loads that are left alone: by a client that goes away, and by a service that stops."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.access.caller import ANONYMOUS, Visit
from app.bundles.service import BundleService
from app.database.engine import open_engine
from app.errors import Overloaded
from app.inference.worker import Coder
from tests.app.access_log.rows import logged
from tests.app.bundles.folders import FakeOpener, put_bundle
from tests.app.fakes import FakeCoder

VISIT = Visit(ANONYMOUS, "r" * 32, "POST /v1/bundles/load")


class SlowOpener(FakeOpener):
    """Waits until it may open."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = threading.Event(), threading.Event()

    def open(self, folder: Path) -> FakeCoder:
        self.asked.set()
        assert self.may.wait(30)
        return super().open(folder)


class FakeExchange:
    """Takes every coder."""

    bundle_id = "b" * 64

    def __init__(self) -> None:
        self.swapped = asyncio.Event()

    async def swap(self, coder: Coder, decided: Callable[[], Awaitable[None]]) -> None:
        await decided()
        self.bundle_id = coder.bundle_id
        self.swapped.set()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


async def left_alone(engine: Engine, folder: Path) -> tuple[BundleService, FakeExchange, SlowOpener]:
    """A service whose client has left while the bundle is opened."""
    put_bundle(folder, "second", "cf")
    opener, exchange = SlowOpener(), FakeExchange()
    service = BundleService(engine, folder, opener, exchange)
    await service.register("second", VISIT)
    asked = asyncio.create_task(service.load("second", VISIT))
    assert await asyncio.to_thread(opener.asked.wait, 30)
    asked.cancel()
    await asyncio.wait({asked})
    assert asked.cancelled()
    return service, exchange, opener


def test_a_load_goes_on_when_its_client_leaves(engine: Engine, tmp_path: Path) -> None:
    """No second one is opened beside it, and its row in the log comes with the swap."""

    async def scenario() -> None:
        service, exchange, opener = await left_alone(engine, tmp_path)
        with pytest.raises(Overloaded, match="is being loaded already"):
            await service.load("second", VISIT)
        opener.may.set()
        await asyncio.wait_for(exchange.swapped.wait(), 30)
        assert exchange.bundle_id == "c" * 64
        assert len(opener.opened) == 1
        assert len(logged(engine)) == 2
        await service.end()
        assert (await service.load("second", VISIT)).replaced == "c" * 64

    asyncio.run(scenario())


def test_a_stop_gives_a_load_up(engine: Engine, tmp_path: Path) -> None:
    """Nothing is swapped in when the rest of the service has ended."""

    async def scenario() -> None:
        service, exchange, opener = await left_alone(engine, tmp_path)
        await service.end()
        opener.may.set()
        assert exchange.bundle_id == "b" * 64

    asyncio.run(scenario())
    assert len(logged(engine)) == 1
