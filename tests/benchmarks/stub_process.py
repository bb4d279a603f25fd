"""Starting the stub service, and what it says of itself."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from app.access.keys import create_key
from app.access.scopes import Scope
from app.database.engine import migrate, open_engine
from tests.app.fakes import FakeCoder, index_into, write_dataset

SECRET = "s" * 64
SCRIPT = Path(__file__).with_name("stub_service.py")


class StubService(NamedTuple):
    """A running one."""

    process: "subprocess.Popen[bytes]"
    host: str
    port: int
    key: str

    def resident_megabytes(self) -> float:
        """Memory of the process that is not swapped out (VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def stub_service(folder: Path, seconds: float, **settings: str) -> Iterator[StubService]:
    """The service over a SQLite file with a few indexed notes, ready; its log goes to a file in the folder."""
    url = f"sqlite:///{folder}/notes.sqlite3"
    migrate(url)
    index_into(url, FakeCoder(), write_dataset(folder / "data"), store_text=True)
    key = create_key(open_engine(url), SECRET.encode(), "load", frozenset(Scope)).text
    environment = {**os.environ, "ICD_CODER_KEY_SECRET": SECRET, **settings}
    log = folder / "log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, str(SCRIPT), url, "--seconds", str(seconds)],
            stdout=sink,
            stderr=sink,
            env=environment,
        ) as process,
    ):
        try:
            host, port = _address(process, log)
            yield StubService(process, host, port, key)
        finally:
            process.terminate()
            process.wait(60)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> tuple[str, int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r'"address": "http://([\d.]+):(\d+)"', log.read_text())
        if found:
            try:
                urllib.request.urlopen(f"http://{found[1]}:{found[2]}/readyz", timeout=5).close()
            except urllib.error.HTTPError:
                pass
            else:
                return found[1], int(found[2])
        time.sleep(0.05)
    raise SystemExit(f"the service did not start: {log.read_text()}")
