"""The audit over REST: assigned codes of a text and of a stored note."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from app.access.gate import KeyGate, OpenGate
from app.access.scopes import Scope
from app.inference.worker import load_coder
from app.settings import load_settings
from app.web.application import create_app
from app.web.redaction import NO_EVIDENCE
from model.errors import NoRanker
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import CANARY, NOTES, FakeCoder
from tests.factories import save_tiny_bundle

TEXT = "Testy McTestface: hypertension, diabetes."
ASSIGNED = [{"code": "401.9"}, {"code": "4280"}, {"system": "icd9cm", "code": "999.9"}]


@pytest.fixture
def keyed(tmp_path: Path, coder: FakeCoder) -> Iterator[tuple[TestClient, KeyGate]]:
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app) as client:
        yield client, gate


def spelled(answer: dict[str, Any]) -> dict[str, list[str]]:
    lists = ("supported", "unsupported", "missing", "not_judged")
    return {name: [code["code"] for code in answer[name]] for name in lists}


def test_codes_of_a_text_are_sorted_into_lists_with_reasons(client: TestClient) -> None:
    """In any spelling; each with the words that speak for it."""
    answer = client.post("/v1/audit", json={"text": TEXT, "codes": ASSIGNED}).json()
    assert spelled(answer) == {
        "supported": ["401.9"],
        "unsupported": ["428.0"],
        "missing": ["250.00"],
        "not_judged": ["999.9"],
    }
    supported = answer["supported"][0]
    assert supported["reason"] == "invented"
    span = supported["evidence"][0]
    assert TEXT[span["start"] : span["end"]] == span["text"] == "hypertension"
    assert (answer["bundle_id"], answer["false_negative_rate"]) == ("b" * 64, 0.1)
    assert "missing_precision" not in answer
    assert answer["warnings"] == ["invented"]


def test_a_stored_note_brings_its_codes_and_does_not_vote_for_them(client: TestClient, coder: FakeCoder) -> None:
    """n1 and n2 are one patient's, so the ranker gets n3 only; sent codes replace the stored ones."""
    coder.uses_neighbours = True
    answer = client.post("/v1/audit", json={"note_id": "n1"}).json()
    assert spelled(answer)["supported"] == ["401.9", "250.00"]
    assert [neighbour.codes for neighbour in coder.received_neighbours] == [frozenset(NOTES[2].codes)]
    other = client.post("/v1/audit", json={"note_id": "n1", "codes": []}).json()
    assert spelled(other)["missing"] == ["250.00", "401.9"]


def test_reading_a_stored_note_is_logged(client: TestClient, indexed: str) -> None:
    """A text that was sent is not."""
    client.post("/v1/audit", json={"note_id": "n1"})
    client.post("/v1/audit", json={"text": TEXT, "codes": []})
    rows = [row for row in logged(create_engine(indexed)) if row[0] == "no-auth"]
    assert rows == [("no-auth", "POST /v1/audit", '["n1"]', 200)]


def test_stored_codes_need_the_scope_of_neighbours_and_stored_words_that_of_text(
    keyed: tuple[TestClient, KeyGate],
) -> None:
    """What is left out is named."""
    client, gate = keyed
    predict = bearer(make_key(gate, Scope.PREDICT))
    assert problem(client.post("/v1/audit", json={"note_id": "n1"}, headers=predict)) == (403, "missing-scope")
    stored = bearer(make_key(gate, Scope.PREDICT, Scope.NEIGHBOURS))
    answer = client.post("/v1/audit", json={"note_id": "n1", "codes": [{"code": "401.9"}]}, headers=stored).json()
    assert answer["supported"][0]["evidence"] == []
    assert NO_EVIDENCE in answer["warnings"]
    whole = bearer(make_key(gate, Scope.PREDICT, Scope.NEIGHBOURS, Scope.TEXT))
    answer = client.post("/v1/audit", json={"note_id": "n1"}, headers=whole).json()
    assert answer["supported"][0]["evidence"]
    assert NO_EVIDENCE not in answer["warnings"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": CANARY}, (422, "invalid-request")),
        ({"codes": []}, (422, "invalid-request")),
        ({"text": CANARY, "codes": ["401.9"]}, (422, "invalid-request")),
        ({"text": CANARY, "codes": [{"code": "."}]}, (422, "invalid-request")),
        ({"text": CANARY, "codes": [{"code": f"{CANARY} bite"}]}, (422, "invalid-request")),
        ({"text": CANARY, "codes": [{"code": "Z99"}]}, (422, "invalid-option")),
        ({"text": CANARY, "codes": [{"code": "401.9"}] * 501}, (422, "invalid-request")),
        ({"text": "", "codes": []}, (422, "invalid-note")),
        ({"note_id": CANARY}, (404, "unknown-note")),
    ],
)
def test_what_cannot_be_audited_is_a_problem(client: TestClient, body: Any, expected: tuple[int, str]) -> None:
    """Without a word of the request."""
    answer = client.post("/v1/audit", json=body)
    assert problem(answer) == expected
    assert CANARY not in answer.text


def test_a_bundle_without_a_ranker_is_a_conflict(tmp_path: Path) -> None:
    """With the remedy, from a real bundle."""
    save_tiny_bundle(tmp_path / "bundle")
    coder = load_coder(tmp_path / "bundle", threads=1)
    with TestClient(create_app(load_settings(torch_threads=1), coder, OpenGate())) as client:
        answer = client.post("/v1/audit", json={"text": TEXT, "codes": []})
    assert problem(answer) == (409, "no-ranker")
    assert "train" in answer.json()["detail"]
    with pytest.raises(NoRanker):
        coder.audit(TEXT, [])
