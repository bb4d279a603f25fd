"""Neighbours by predicted codes, by text, and by both; votes that no predicted code has chosen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.database.engine import migrate
from app.settings import load_settings
from app.web.application import create_app
from model.code_vectors import CodeVectors
from tests.app.fakes import LABELS, FakeCoder, index_into, write_dataset

SHARE = 0.8
LIKE_N3 = "Invented letter: angioplasty yesterday, home today."
ANGIOPLASTY = {"system": "icd9pcs", "code": "00.66"}
Ask = dict[str, Any]


@pytest.fixture
def coder() -> FakeCoder:
    coder = FakeCoder()
    coder.code_vectors = CodeVectors(np.linspace(1, 2, len(LABELS)).astype(np.float32), SHARE)
    return coder


def serve(coder: FakeCoder, url: str, **settings: Any) -> TestClient:
    return TestClient(create_app(load_settings(database=url, **settings), coder, OpenGate()))


def neighbours(client: TestClient, **asked: Any) -> Ask:
    answer = client.post("/v1/neighbours", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


@pytest.fixture
def client(coder: FakeCoder, indexed: str) -> Iterator[TestClient]:
    with serve(coder, indexed, store_text=True) as client:
        yield client


def test_each_way_to_compare_has_its_own_similarity(client: TestClient) -> None:
    found = {by: neighbours(client, text=LIKE_N3, by=by) for by in ("both", "codes", "text")}
    assert [found[by].get("code_share") for by in ("both", "codes", "text")] == [SHARE, 1.0, None]
    assert [found[by]["neighbours_by"] for by in ("both", "codes", "text")] == ["both", "codes", "text"]
    assert found["codes"]["neighbours"][0]["note_id"] == "n3"
    for note in found["both"]["neighbours"]:
        mixed = SHARE * note["code_similarity"] + (1 - SHARE) * note["text_similarity"]
        assert note["similarity"] == pytest.approx(mixed, abs=1e-9)
    assert "code_similarity" not in found["text"]["neighbours"][0]
    texts = {note["note_id"]: note["similarity"] for note in found["text"]["neighbours"]}
    assert {note["note_id"]: note["text_similarity"] for note in found["both"]["neighbours"]} == pytest.approx(texts)


def test_a_planted_wrong_prediction_gains_no_support_from_itself(
    client: TestClient, coder: FakeCoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbours that the wrong code finds all carry it; its votes are as they were."""
    text = "Old Mr Testperson with hypertension and diabetes."

    def angioplasty(answer: Ask) -> Ask:
        return next(code for code in answer["codes"] if code["code"] == "00.66")

    asked = {"text": text, "neighbours": 1}
    before = client.post("/v1/predict", json=asked).json()
    assert coder.code_vectors is not None
    planted = coder.code_vectors.predicted(np.array([3]), np.array([0.99]))
    monkeypatch.setattr(coder, "_predicted", lambda _text: planted)
    after = client.post("/v1/predict", json=asked).json()
    assert [note["note_id"] for note in before["neighbours"]] == ["n1"]
    assert [note["note_id"] for note in after["neighbours"]] == ["n3"]
    assert any(code["code"] == "00.66" for code in after["neighbours"][0]["shared"])
    assert angioplasty(after)["neighbour_count"] == angioplasty(before)["neighbour_count"] == 0
    assert angioplasty(after)["support"] == angioplasty(before)["support"]
    assert angioplasty(after)["support"]["by"] == "text"


def test_a_stored_note_is_never_searched_with_its_assigned_codes(client: TestClient) -> None:
    """Planted: codes that contradict the text."""
    stored = {"note_id": "planted", "text": LIKE_N3, "codes": [{"system": "icd9cm", "code": "428.0"}]}
    assert client.post("/v1/notes", json=stored).status_code == 201
    found = neighbours(client, note_id="planted", by="codes")["neighbours"]
    assert found[0]["note_id"] == "n3"
    by_text = neighbours(client, text=LIKE_N3, by="codes", subject_id="nobody")["neighbours"]
    assert found == [note for note in by_text if note["note_id"] != "planted"]


def test_a_note_without_a_likely_code_is_searched_by_its_text(client: TestClient) -> None:
    found = neighbours(client, text="Nothing to report.", by="codes")
    assert found["neighbours_by"] == "text"
    assert "code_share" not in found
    assert any("no code of the note is likely" in warning for warning in found["warnings"])
    predicted = client.post("/v1/predict", json={"text": "Nothing to report."}).json()
    assert predicted["neighbours_by"] == "text"


def test_a_note_that_is_stored_without_codes_is_found_by_its_predicted_ones(client: TestClient) -> None:
    stored = {"note_id": "uncoded", "text": "Angioplasty, invented.", "codes": []}
    assert client.post("/v1/notes", json=stored).status_code == 201
    found = {note["note_id"]: note for note in neighbours(client, text=LIKE_N3, by="codes")["neighbours"]}
    assert found["uncoded"]["codes_predicted"] is True
    assert found["uncoded"]["codes"] == []
    assert found["n3"]["codes_predicted"] is False


def test_a_bundle_without_code_vectors_compares_texts(url: str, tmp_path: Path) -> None:
    plain = FakeCoder()
    index_into(url, plain, write_dataset(tmp_path / "plain"), store_text=True)
    with serve(plain, url) as client:
        found = neighbours(client, text=LIKE_N3)
        assert (found["neighbours_by"], "code_share" in found) == ("text", False)
        refused = client.post("/v1/neighbours", json={"text": LIKE_N3, "by": "codes"})
        assert refused.status_code == 422
        assert "the bundle compares no codes" in refused.text
        assert client.post("/v1/neighbours", json={"text": LIKE_N3, "by": "title"}).status_code == 422


def test_a_note_without_its_text_is_searched_by_its_embedding(coder: FakeCoder, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/without.sqlite3"
    migrate(url)
    index_into(url, coder, write_dataset(tmp_path / "without"), store_text=False)
    with serve(coder, url) as client:
        found = neighbours(client, note_id="n1")
        assert found["neighbours_by"] == "text"
        assert any("without its text" in warning for warning in found["warnings"])
        refused = client.post("/v1/neighbours", json={"note_id": "n1", "by": "codes"})
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("text-not-stored")
