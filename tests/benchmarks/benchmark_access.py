"""Milliseconds that keys and the access log add to a request, apart, and rows a second that verify-log walks.

Run ``python tests/benchmarks/benchmark_access.py [--postgres]``: medians of 200 turns, the parts in each turn one after
the other. "bare" is the route of a stub coder without neighbours behind the open gate, "keyed" the same behind keys;
"commit" is one row of the access log in its own transaction, which includes the flush to the disk.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.access.gate import OpenGate, open_gate
from app.access.keys import create_key, find_caller
from app.access.scopes import Scope
from app.access_log.hash_chain import Entry
from app.access_log.journal import write_entry
from app.access_log.verification import verify_chain
from app.database.engine import migrate, open_engine
from app.settings import load_settings
from app.web.application import create_app
from tests.app.fakes import FakeCoder
from tests.postgres_server import PostgresServer

TURNS = 200
NOTE = "word " * 2_000
"""10 kB."""


def measure(url: str) -> None:
    """Print the medians for one database."""
    migrate(url)
    settings = load_settings(database=url, key_secret="s" * 64, rate_limit="none")
    gate = open_gate(settings, no_auth=False)
    engine = open_engine(url)
    key = create_key(engine, b"s" * 64, "benchmark", frozenset(Scope))
    headers = {"Authorization": f"Bearer {key.text}"}
    body = {"text": NOTE, "neighbours": 0}
    entry = Entry(key.key_id, "POST /v1/predict", [f"note-{number}" for number in range(6)], 200, "0" * 32)
    with (
        TestClient(create_app(settings, FakeCoder(), OpenGate())) as bare,
        TestClient(create_app(settings, FakeCoder(), gate)) as keyed,
    ):
        report(
            {
                "bare": lambda: bare.post("/v1/predict", json=body),
                "keyed": lambda: keyed.post("/v1/predict", json=body, headers=headers),
                "key alone": lambda: find_caller(engine, b"s" * 64, key.text),
                "commit": lambda: write_entry(engine, entry),
            }
        )
    start = time.perf_counter()
    rows = verify_chain(engine).sequence
    print(f"verify-log: {rows} rows, {rows / (time.perf_counter() - start):,.0f} a second")
    engine.dispose()


def report(parts: dict[str, Callable[[], object]]) -> None:
    """Medians of the parts, interleaved."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(TURNS):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            times[name].append(1000 * (time.perf_counter() - start))
    for name, values in times.items():
        print(f"{name:10} {statistics.median(values):6.2f} ms")
    gates = [keyed - bare for keyed, bare in zip(times["keyed"], times["bare"], strict=True)]
    print(f"keyed - bare, median of the differences: {statistics.median(gates):.2f} ms")


def main() -> None:
    """SQLite in a temporary folder, and PostgreSQL on request."""
    with tempfile.TemporaryDirectory() as folder:
        print("SQLite")
        measure(f"sqlite:///{folder}/notes.sqlite3")
    if "--postgres" in sys.argv:
        server = PostgresServer()
        server.start()
        print("PostgreSQL")
        measure(server.new_database())
        server.remove()


if __name__ == "__main__":
    main()
