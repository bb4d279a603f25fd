"""64 clients at once: every answer is the one that the note gets when it comes alone."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.database.engine import migrate
from app.inference.worker import load_coder
from app.settings import load_settings
from app.web.application import create_app
from model.dataset import Document
from tests.app.fakes import index_into, write_dataset
from tests.factories import NOTE, SHORT_NOTE, save_tiny_bundle

THREADS = 64
STORED = [
    Document("a1", "s1", "train", NOTE, ()),
    Document("a2", "s2", "train", SHORT_NOTE, ()),
    Document("a3", "s3", "train", "Planted test note about a unicorn bite.", ()),
]
SENTENCES = ("A fall at home.", "Old hypertension.", "Fake pneumonia, treated.", "PTCA of a unicorn.", "Diabetes.")


def notes() -> list[str]:
    """Of many lengths, from one window to six, no two alike."""
    return [" ".join(SENTENCES[(i * j) % 5] for j in range(1, 2 + i % 13)) + f" Day {i}." for i in range(THREADS)]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """The service over a real, tiny bundle and three indexed notes, with room for all to wait."""
    save_tiny_bundle(tmp_path / "bundle")
    coder = load_coder(tmp_path / "bundle", threads=1)
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    index_into(url, coder, write_dataset(tmp_path / "data", STORED), store_text=True)
    settings = load_settings(database=url, max_waiting=THREADS, torch_threads=1)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        yield client


def test_64_threads_get_the_serial_answers(client: TestClient) -> None:
    """Codes, probabilities, evidence, neighbours and tokens, to the last digit; only the times differ."""
    texts = notes()
    alone = [answer(client, text) for text in texts]
    found: dict[int, dict[str, Any]] = {}
    together = threading.Barrier(THREADS)

    def send(place: int) -> None:
        together.wait(60)
        found[place] = answer(client, texts[place])

    threads = [threading.Thread(target=send, args=(place,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.get(place) for place in range(THREADS)] == alone
    assert len({str(each["codes"]) for each in alone}) > THREADS / 2, "notes whose answers differ, or nothing is shown"


def answer(client: TestClient, text: str) -> dict[str, Any]:
    """The answer to a note, without its times."""
    response = client.post("/v1/predict", json={"text": text})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    del found["timings_ms"]
    return found
