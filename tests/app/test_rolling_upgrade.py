"""The tables are upgraded while a service of the revision before writes into them.

Marked `acceptance` because of its time; `.ci/run` runs it.
"""

import collections
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from app.access_log.verification import verify_chain
from app.database.engine import migrate, open_engine, require_current
from app.database.tables import Note
from app.notes.verify_index import verify_index
from tests.app.earlier_sources import earlier_sources
from tests.app.server_process import command, wait_until_ready
from tests.factories import NOTE, save_tiny_bundle
from tests.migrations.test_revisions import move

WRITERS = 4
MORE = 15
"""So many acknowledged notes before the upgrade, and after it."""


class Writers:
    """Threads that store notes without a pause, and the ids that were acknowledged."""

    def __init__(self, address: str) -> None:
        self.acknowledged: set[str] = set()
        self.answers: collections.Counter[int] = collections.Counter()
        self.wrong: list[str] = []
        self._address = address
        self._stopped = threading.Event()
        self._counted = threading.Condition()
        self._threads = [threading.Thread(target=self._write, args=(writer,)) for writer in range(WRITERS)]
        for thread in self._threads:
            thread.start()

    def _write(self, writer: int) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            number = 0
            while not self._stopped.is_set():
                number += 1
                note = {"note_id": f"w{writer}-{number}", "text": f"{NOTE} {number}", "codes": [{"code": "428.0"}]}
                try:
                    self._count(note["note_id"], client.post("/v1/notes", json=note))
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))

    def _count(self, note_id: str, answer: httpx.Response) -> None:
        with self._counted:
            self.answers[answer.status_code] += 1
            if answer.status_code == 201:
                self.acknowledged.add(note_id)
            elif answer.status_code != 503:
                self.wrong.append(f"{answer.status_code} {answer.text}")
            self._counted.notify_all()

    def wait_for(self, more: int) -> None:
        """Until so many more are acknowledged."""
        with self._counted:
            wanted = len(self.acknowledged) + more
            assert self._counted.wait_for(lambda: len(self.acknowledged) >= wanted, 60), (self.answers, self.wrong)

    def stop(self) -> None:
        """After the answer that each of them waits for."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def old_service(folder: Path, url: str) -> Iterator[str]:
    """Address of a service of the earlier sources in ``folder``, which ends well at SIGTERM."""
    log = folder / "old.log"
    arguments = ["--bundle", folder / "bundle", "--database", url, "--port", "0", "--no-auth"]
    environment = {**os.environ, "ICD_CODER_TORCH_THREADS": "1"}
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            command("serve", *map(str, arguments)), cwd=folder / "sources", stdout=sink, stderr=sink, env=environment
        ) as one,
    ):
        try:
            yield wait_until_ready(one, log)
            one.send_signal(signal.SIGTERM)
            assert one.wait(60) == 0, log.read_text()
        finally:
            one.kill()


@pytest.mark.acceptance
def test_no_acknowledged_note_is_lost_while_the_tables_are_upgraded(any_url: str, tmp_path: Path) -> None:
    """The old service answers 201 or 503 before, during and after; every 201 is there for the new one."""
    save_tiny_bundle(tmp_path / "bundle")
    move(any_url, earlier_sources(tmp_path / "sources"))
    with old_service(tmp_path, any_url) as address:
        writers = Writers(address)
        try:
            writers.wait_for(MORE)
            migrate(any_url)
            writers.wait_for(MORE)
        finally:
            writers.stop()
    assert writers.wrong == []
    engine = open_engine(any_url)
    require_current(engine)
    with engine.connect() as connection:
        stored = set(connection.scalars(select(Note.note_id)))
    assert writers.acknowledged <= stored
    assert verify_index(engine, sample=None).problems == []
    assert verify_chain(engine).sequence >= len(writers.acknowledged)
    engine.dispose()
    assert "Traceback" not in (tmp_path / "old.log").read_text()
