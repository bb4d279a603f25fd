"""A long run of the service under mixed load: is its memory flat?

Run ``python tests/benchmarks/soak.py [--minutes 30] [--clients 4]``: the real server, a SQLite file, a stub coder;
clients store notes, read, predict, look for neighbours, delete, and send what is refused. A fifth of the time is
warm-up; after it the mean memory of the last fifth must be within 5% of that of the first. Exit code 1 if it is not.
"""

import argparse
import collections
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.access_log.verification import verify_chain
from app.database.engine import open_engine
from tests.benchmarks.stub_process import StubService, stub_service

FLAT = 0.05
SAMPLE_SECONDS = 1.0
CODER_SECONDS = 0.02
PAUSE_SECONDS = 0.05
"""Of a client between two requests: a soak is long, not hard (load_service.py is)."""
ALLOWED = {200, 201, 204, 404, 409, 413, 422, 429, 503}


class Client(threading.Thread):
    """Sends one request after the other until told to stop."""

    def __init__(self, service: StubService, number: int, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.statuses: collections.Counter[int] = collections.Counter()
        self._chance = random.Random(number)
        self._name = f"soak-{number}"
        self._over = over
        self._http = httpx.Client(
            base_url=f"http://{service.host}:{service.port}",
            headers={"Authorization": f"Bearer {service.key}"},
            timeout=60,
        )

    def run(self) -> None:
        with self._http:
            while not self._over.wait(PAUSE_SECONDS):
                for request in self._requests():
                    self.statuses[self._http.request(*request[:2], json=request[2]).status_code] += 1

    def _requests(self) -> list[tuple[str, str, object]]:
        """A few that belong together, chosen by chance."""
        number = self._chance.randrange(10**9)
        note = f"{self._name}-{number}"
        text = f"Invented note {number}. " + "word " * self._chance.randrange(1, 4_000)
        return self._chance.choice(
            [
                [("POST", "/v1/predict", {"text": text})],
                [("POST", "/v1/predict", {"note_id": "n1", "explain": "none"})],
                [("POST", "/v1/predict/batch", {"items": [{"text": text}, {"text": ""}]})],
                [("POST", "/v1/neighbours", {"text": text, "neighbours": 3})],
                [
                    ("POST", "/v1/notes", {"note_id": note, "text": text, "codes": []}),
                    ("GET", f"/v1/notes/{note}", None),
                    ("DELETE", f"/v1/notes/{note}", None),
                ],
                [("GET", "/v1/codes?q=hypertension", None), ("GET", "/v1/model", None), ("GET", "/metrics", None)],
                [("GET", f"/nowhere/{number}", None), ("POST", "/v1/predict", {"text": "", "more": number})],
            ]
        )


def sampled(service: StubService, seconds: float) -> list[float]:
    """Memory in megabytes, a sample a second."""
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append(service.resident_megabytes())
        time.sleep(SAMPLE_SECONDS)
    return samples


def growth(samples: list[float]) -> float:
    """Of the last fifth's mean above the first's after the warm-up, as a share."""
    fifth = len(samples) // 5
    first, last = samples[fifth : 2 * fifth], samples[-fifth:]
    return statistics.mean(last) / statistics.mean(first) - 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4)
    given = parser.parse_args()
    over = threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        stub_service(Path(folder), CODER_SECONDS, ICD_CODER_RATE_LIMIT="none", ICD_CODER_STORE_TEXT="1") as service,
    ):
        clients = [Client(service, number, over) for number in range(given.clients)]
        for client in clients:
            client.start()
        samples = sampled(service, 60 * given.minutes)
        over.set()
        for client in clients:
            client.join()
        alive = service.process.poll() is None
        engine = open_engine(f"sqlite:///{folder}/notes.sqlite3")
        rows = verify_chain(engine).sequence
        engine.dispose()
    statuses = sum((client.statuses for client in clients), collections.Counter())
    found = growth(samples)
    places = [round(samples[min(len(samples) - 1, len(samples) * tenth // 10)], 1) for tenth in range(11)]
    print(f"{given.minutes:g} minutes, {given.clients} clients, load of the machine {os.getloadavg()[0]:.1f}")
    print(f"answers {dict(sorted(statuses.items()))}; access log whole, {rows} rows")
    print(f"memory MB, eleven moments: {places}; growth after warm-up {100 * found:+.1f}% (at most {100 * FLAT:.0f}%)")
    sys.exit(not (alive and abs(found) <= FLAT and set(statuses) <= ALLOWED))


if __name__ == "__main__":
    main()
