"""Neighbours and text of stored notes need their scope; the answer says what it leaves out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.gate import KeyGate
from app.access.scopes import Scope
from app.web.redaction import NO_EVIDENCE, NO_NEIGHBOURS, NO_SNIPPETS
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.fakes import NOTES, FakeCoder

TEXT = "hypertension and diabetes"


@pytest.fixture
def keyed(tmp_path: Path, coder: FakeCoder) -> Iterator[tuple[TestClient, KeyGate]]:
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app) as client:
        yield client, gate


def ask(keyed: tuple[TestClient, KeyGate], route: str, body: dict[str, Any], *scopes: Scope) -> dict[str, Any]:
    client, gate = keyed
    response = client.post(f"/v1/{route}", json=body, headers=bearer(make_key(gate, *scopes)))
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def spans(answer: dict[str, Any]) -> list[Any]:
    return [span for code in answer["codes"] for span in code["evidence"]]


def test_predict_alone_has_codes_without_neighbours(keyed: tuple[TestClient, KeyGate]) -> None:
    """Neither notes nor their share in a code, and no row in the log: no note was read."""
    answer = ask(keyed, "predict", {"text": TEXT}, Scope.PREDICT)
    assert answer["neighbours"] == []
    assert all("support" not in code and code["neighbour_count"] == 0 for code in answer["codes"])
    assert spans(answer)  # of the text as sent
    assert answer["warnings"] == [NO_NEIGHBOURS]
    assert all(who == "command-line" for who, *_ in logged(keyed[1].engine))
    unasked = ask(keyed, "predict", {"text": TEXT, "neighbours": 0}, Scope.PREDICT)
    assert unasked["warnings"] == []


@pytest.mark.parametrize("route", ["predict", "neighbours"])
def test_without_text_there_are_no_snippets(keyed: tuple[TestClient, KeyGate], route: str) -> None:
    """The ids, similarities and codes stay."""
    answer = ask(keyed, route, {"text": TEXT}, Scope.PREDICT, Scope.NEIGHBOURS)
    assert len(answer["neighbours"]) == 3
    assert all("snippet" not in note and note["codes"] for note in answer["neighbours"])
    assert answer["warnings"][-1] == NO_SNIPPETS


def test_without_text_a_stored_note_has_no_evidence(keyed: tuple[TestClient, KeyGate]) -> None:
    """Its words would come out in it."""
    answer = ask(keyed, "predict", {"note_id": "n1"}, Scope.PREDICT, Scope.NEIGHBOURS)
    assert spans(answer) == []
    assert answer["codes"][0]["code"] == "250.00"
    assert NO_EVIDENCE in answer["warnings"]
    assert not any(word in str(answer) for word in ("Testperson", "artery"))


@pytest.mark.parametrize("body", [{"text": TEXT}, {"note_id": "n1"}])
def test_with_all_three_nothing_is_left_out(keyed: tuple[TestClient, KeyGate], body: dict[str, Any]) -> None:
    """The answer is that of a service without keys."""
    answer = ask(keyed, "predict", body, Scope.PREDICT, Scope.NEIGHBOURS, Scope.TEXT)
    assert spans(answer)
    assert answer["neighbours"][-1]["snippet"] in {note.text for note in NOTES}
    assert not {NO_SNIPPETS, NO_EVIDENCE, NO_NEIGHBOURS} & set(answer["warnings"])
