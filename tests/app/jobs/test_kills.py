"""kill -9 of the service while it works a job off: every item gets one result; one at work is given up."""

import io
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.access_log.verification import verify_chain
from app.database.engine import migrate, open_engine
from app.database.tables import AccessLogRow, JobItem, JobResult
from icd_coder_client import Client, RequestRefused
from tests.app.jobs.job_files import job_file
from tests.app.server_process import ROOT, serving, wait_until_ready

Start = Callable[[Path, str], AbstractContextManager[tuple["subprocess.Popen[bytes]", str]]]
"""Starts a service that logs to a file over a database: its process and address, ready."""


@contextmanager
def fake_service(log: Path, url: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Over a fake coder, which starts quickly."""
    script = Path(__file__).with_name("fake_server.py")
    with (
        log.open("wb") as sink,
        subprocess.Popen([sys.executable, script, url], cwd=ROOT, stdout=sink, stderr=sink) as server,
    ):
        try:
            yield server, wait_until_ready(server, log)
        finally:
            server.kill()


def kill_while_it_runs(start: Start, folder: Path, items: int, kills: int, seed: int) -> None:
    """The service, soon after it has done some items; then the same file once more, which is left alone."""
    chance = random.Random(seed)
    body = job_file(items)
    url = f"sqlite:///{folder}/notes.sqlite3"
    migrate(url)
    logs = (folder / f"{number}.log" for number in count())
    job_ids = set()
    interrupted = 0
    for kill in sorted(chance.sample(range(1, items * 3 // 4), kills)):
        with start(next(logs), url) as (server, address), Client(address) as client:
            status = client.submit_job(body, "k1")
            job_ids.add(status.job_id)
            with pytest.raises(RequestRefused, match="another body"):
                client.submit_job(body + b"\n", "k1")
            while status.done < kill:
                status = client.job(status.job_id)
            time.sleep(chance.uniform(0, 0.02))  # anywhere in the work on an item
            server.kill()
            server.wait()
        interrupted += waiting_items(url) > 0
    assert interrupted
    with start(next(logs), url) as (_, address), Client(address) as client:
        job_ids.add(client.submit_job(body, "k1").job_id)
        assert len(job_ids) == 1
        killed, alone = (results(client, body, key) for key in ("k1", "k2"))
    assert killed.count(b"\n") == items
    differing = [line for line, other in zip(killed.splitlines(), alone.splitlines(), strict=True) if line != other]
    assert len(differing) <= kills
    assert all(json.loads(line)["problem"]["type"].endswith(":given-up") for line in differing)
    check(url, 2 * items)


def results(client: Client, body: bytes, key: str) -> bytes:
    """Of a job that is waited for."""
    status = client.submit_job(body, key)
    while not status.ended:
        time.sleep(0.01)  # asking without a pause would take the time from who works on it
        status = client.job(status.job_id)
    target = io.BytesIO()
    client.write_job_results(status.job_id, target)
    return target.getvalue()


def waiting_items(url: str) -> int:
    """Texts that are still stored."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).where(JobItem.request.is_not(None))) or 0
    engine.dispose()
    return found


def check(url: str, total: int) -> None:
    """One result an item, its text erased, one row of the log with each, and the log whole."""
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(JobResult)) == total
        assert set(connection.scalars(select(JobItem.request))) == {None}
        logged = select(AccessLogRow.note_ids).where(AccessLogRow.action == "job item")
        places = list(connection.scalars(logged))
    verify_chain(engine)
    engine.dispose()
    assert len(places) == len(set(places)) == total


def test_two_kills(tmp_path: Path) -> None:
    """The suite's: 60 items."""
    kill_while_it_runs(fake_service, tmp_path, 60, 2, seed=0)


@pytest.mark.acceptance
def test_ten_kills_of_a_real_service(tmp_path: Path) -> None:
    """500 items, a bundle of random weights, the command line's own server."""
    from tests.factories import save_tiny_bundle  # with torch, which the suite's test does without

    save_tiny_bundle(tmp_path / "bundle")

    def start(log: Path, url: str) -> AbstractContextManager[tuple["subprocess.Popen[bytes]", str]]:
        return serving(tmp_path / "bundle", log, "--no-auth", "--database", url)

    kill_while_it_runs(start, tmp_path, 500, 10, seed=1)
