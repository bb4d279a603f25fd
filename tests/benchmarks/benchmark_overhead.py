"""Milliseconds that the service adds to a 10 kB note, above bare FastAPI with the same request and answer.

Run ``python tests/benchmarks/benchmark_overhead.py [--turns 300]``. Both are processes of their own around a stub
coder; in a turn each is asked once by one client, in an order that changes. "keyed" has keys, queue, limits, logs and
metrics; "with neighbours" also a search and a row of the access log, whose commit is measured alone too. Exit code 1
above 2 ms.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.access_log.hash_chain import Entry
from app.access_log.journal import write_entry
from app.database.engine import open_engine
from tests.benchmarks.stub_process import stub_service

LIMIT_MS = 2.0
NOTE = "word " * 2_000
BARE = Path(__file__).with_name("bare_service.py")


@contextmanager
def bare_service(folder: Path) -> Iterator[int]:
    """The port of bare FastAPI."""
    port = folder / "port"
    with subprocess.Popen([sys.executable, str(BARE), str(port)]) as process:
        try:
            deadline = time.monotonic() + 60
            while not (port.exists() and port.read_text()) and time.monotonic() < deadline:
                time.sleep(0.05)
            yield int(port.read_text())
        finally:
            process.terminate()


def asking(port: int, neighbours: int, key: str = "") -> Callable[[], None]:
    """Sends the note once on a connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"text": NOTE, "neighbours": neighbours}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def ask() -> None:
        connection.request("POST", "/v1/predict", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{answer.status} {content.decode()}")

    return ask


def measure(parts: dict[str, Callable[[], None]], turns: int) -> dict[str, list[float]]:
    """Milliseconds of each part in each turn, after ten turns that do not count."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    order = list(parts)
    for turn in range(turns + 10):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            parts[name]()
            if turn >= 10:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=300)
    turns = parser.parse_args().turns
    with (
        tempfile.TemporaryDirectory() as folder,
        bare_service(Path(folder)) as bare,
        stub_service(Path(folder), 0.0, ICD_CODER_RATE_LIMIT="none") as service,
    ):
        engine = open_engine(f"sqlite:///{folder}/notes.sqlite3", keeps_open=True)
        entry = Entry("0" * 16, "POST /v1/predict", [f"note-{number}" for number in range(5)], 200, "0" * 32)
        times = measure(
            {
                "bare": asking(bare, 0),
                "keyed": asking(service.port, 0, service.key),
                "with neighbours": asking(service.port, 5, service.key),
                "commit": lambda: write_entry(engine, entry),
            },
            turns,
        )
        engine.dispose()
    print(f"{turns} turns, load of the machine {os.getloadavg()[0]:.1f}")
    for name, values in times.items():
        print(f"{name:16} {statistics.median(values):6.2f} ms")
    added = statistics.median(keyed - least for keyed, least in zip(times["keyed"], times["bare"], strict=True))
    print(f"keyed - bare, median of the differences: {added:.2f} ms (at most {LIMIT_MS})")
    sys.exit(added > LIMIT_MS)


if __name__ == "__main__":
    main()
