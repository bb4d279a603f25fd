"""Swaps under load: an answer is of one bundle, its neighbours of that bundle's embedding, and none is lost."""

import threading
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import insert

from app.database.engine import open_engine, write
from app.database.tables import AssignedCode, Embedding, Note
from tests.app.answers import NOTE, wait_until_ready
from tests.app.bundles.folders import FakeOpener, bundle_app, put_bundle
from tests.app.fakes import FakeCoder, index_into
from tests.canary import CANARY

SWAPS = 20
CLIENTS = 4


def plant(url: str, embedding_id: str, coder: FakeCoder) -> None:
    """A note that only one embedding has indexed, nearest to everything that is asked here."""
    vector = coder.embed([NOTE])[0]
    with write(open_engine(url)) as connection:
        note_id = f"only-{embedding_id[0]}"
        row = connection.execute(
            insert(Note)
            .values(note_id=note_id, split="train", source="test", text=CANARY, text_hash="0" * 64)
            .returning(Note.id)
        ).scalar_one()
        values = {"note_id": row, "sequence": 1, "system": "icd9cm", "code": "401.9", "title": ""}
        connection.execute(insert(AssignedCode).values(values))
        values = {"note_id": row, "embedding_id": embedding_id, "dimension": len(vector)}
        connection.execute(insert(Embedding).values(vector=vector.astype("float16"), **values))


def test_twenty_swaps_under_load(indexed: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Each answer names one bundle and hears and tells the note that only its own embedding knows; the lines of all
    the bundles before are ended."""
    folder = tmp_path / "bundles"
    put_bundle(folder, "first", "be")
    put_bundle(folder, "second", "cf")
    opener = FakeOpener()
    index_into(indexed, opener.open(folder / "second"), tmp_path / "data")
    for embedding in ("e", "f"):
        plant(indexed, embedding * 64, coder)
    found: list[tuple[int, Any]] = []
    done, answered = threading.Event(), threading.Semaphore(0)

    with TestClient(bundle_app(indexed, coder, folder, opener)) as client:
        wait_until_ready(client, coder)
        for name in ("first", "second"):
            assert client.post("/v1/bundles", json={"name": name}).status_code == 201

        def ask() -> None:
            while not done.is_set():
                batch = client.post("/v1/predict/batch", json={"items": [{"text": NOTE, "neighbours": 1}] * 2})
                single = client.post("/v1/predict", json={"text": NOTE, "neighbours": 1})
                similar = client.post("/v1/neighbours", json={"text": NOTE, "neighbours": 1})
                found.extend((answer.status_code, answer.json()) for answer in (batch, single, similar))
                answered.release()

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            for number in range(SWAPS):
                loaded = client.post("/v1/bundles/load", json={"bundle": ("second", "first")[number % 2]})
                assert loaded.status_code == 200, loaded.text
                assert answered.acquire(timeout=60)  # so there are answers between two swaps
        finally:
            done.set()
            for thread in threads:
                thread.join(60)
    answers = []
    for status, body in found:
        assert status == 200, body
        if "results" in body:
            assert [result["answer"]["bundle_id"] for result in body["results"]] == [body["bundle_id"]] * 2
            answers.extend(result["answer"] for result in body["results"])
        else:
            answers.append(body)
    told = {(answer["bundle_id"][0], answer["neighbours"][0]["note_id"]) for answer in answers}
    assert told == {("b", "only-e"), ("c", "only-f")}
    assert not [thread for thread in threading.enumerate() if thread.name == "inference"]
