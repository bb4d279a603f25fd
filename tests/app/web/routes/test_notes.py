"""Notes over REST: stored, read, found as neighbours, deleted."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine

from app.access.gate import OpenGate
from app.access.scopes import Scope
from app.database.engine import open_engine
from app.notes.verify_index import verify_index
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import CANARY, NOTES, FakeCoder

NOTE = {
    "note_id": "ward/3 17",
    "text": f"{CANARY} Testperson with a broken unicorn horn.",
    "subject_id": "p9",
    "codes": [{"code": "4280"}, {"system": "icd9cm", "code": "999.9"}],
}
PATH = "/v1/notes/ward%2F3%2017"


def visits(url: str) -> list[tuple[str, str, int | None]]:
    return [row[1:] for row in logged(create_engine(url)) if row[0] != "command-line"]


def test_a_stored_note_is_read_found_and_deleted(client: TestClient, indexed: str) -> None:
    """Every step is a row of the access log; the database holds together, and nothing is left at the end."""
    before = verify_index(open_engine(indexed)).embeddings
    kept = client.post("/v1/notes", json=NOTE)
    assert (kept.status_code, kept.json()["created"]) == (201, True)
    read = client.get(PATH).json()
    assert [(code["code"], code["title"]) for code in read["codes"]] == [
        ("428.0", "Congestive heart failure"),
        ("999.9", ""),
    ]
    assert (read["note_id"], read["source"]) == (NOTE["note_id"], "rest")
    found = client.post("/v1/neighbours", json={"text": NOTE["text"], "neighbours": 1}).json()["neighbours"]
    assert [(note["note_id"], round(note["similarity"], 2)) for note in found] == [(NOTE["note_id"], 1.0)]
    named = client.post("/v1/neighbours", json={"text": NOTE["text"], "subject_id": "p9"}).json()["neighbours"]
    assert NOTE["note_id"] not in [note["note_id"] for note in named]
    assert verify_index(open_engine(indexed)).problems == []
    gone = client.delete(PATH)
    assert gone.json() == {"note_id": NOTE["note_id"], "codes": 2, "embeddings": 1, "codings": 0, "reviews": 0}
    assert verify_index(open_engine(indexed)).embeddings == before
    assert problem(client.get(PATH)) == problem(client.delete(PATH)) == (404, "unknown-note")
    ids, template = '["ward/3 17"]', "/v1/notes/{note_id:path}"
    mine = [row for row in visits(indexed) if "/v1/notes" in row[0]]
    assert mine == [("POST /v1/notes", ids, 201), (f"GET {template}", ids, 200), (f"DELETE {template}", ids, 200)]


@pytest.mark.parametrize("store_text", [False, True])
def test_the_text_is_kept_only_where_the_service_says_so(indexed: str, coder: FakeCoder, store_text: bool) -> None:
    """An answer tells which."""
    settings = load_settings(database=indexed, store_text=store_text)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        assert client.post("/v1/notes", json=NOTE).json()["text_stored"] is store_text
        read = client.get(PATH).json()
    assert read.get("text") == (NOTE["text"] if store_text else None)
    assert bool(read["warnings"]) is not store_text
    file = Path(indexed.removeprefix("sqlite:///"))
    stored = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert (b"broken unicorn horn" in stored) is store_text


def test_the_same_note_again_changes_nothing_and_another_is_a_conflict(client: TestClient, indexed: str) -> None:
    """By text, by codes and by patient."""
    client.post("/v1/notes", json=NOTE)
    again = client.post("/v1/notes", json=NOTE)
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert [status for _, _, status in visits(indexed)] == [201, 200]
    counted = verify_index(open_engine(indexed)).embeddings
    for change in ({"text": "Another invented note."}, {"codes": []}, {"subject_id": "p1"}):
        assert problem(client.post("/v1/notes", json=NOTE | change)) == (409, "note-stored")
    assert verify_index(open_engine(indexed)).embeddings == counted


def test_both_engines_keep_a_note_and_let_it_go(migrated_url: str, coder: FakeCoder) -> None:
    """The first note of a database too."""
    with TestClient(create_app(load_settings(database=migrated_url, store_text=True), coder, OpenGate())) as client:
        assert client.post("/v1/notes", json=NOTE).status_code == 201
        assert client.post("/v1/notes", json=NOTE).status_code == 200
        assert client.get(PATH).json()["text"] == NOTE["text"]
        assert client.post("/v1/audit", json={"note_id": NOTE["note_id"]}).json()["unsupported"]
        assert client.delete(PATH).json()["embeddings"] == 1


def test_words_of_a_stored_note_need_the_scope_text(tmp_path: Path, coder: FakeCoder) -> None:
    """Its codes do not."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app) as client:
        some = client.get("/v1/notes/n1", headers=bearer(make_key(gate, Scope.NEIGHBOURS))).json()
        whole = client.get("/v1/notes/n1", headers=bearer(make_key(gate, Scope.NEIGHBOURS, Scope.TEXT))).json()
    assert "text" not in some
    assert any("scope 'text'" in warning for warning in some["warnings"])
    assert whole["text"] == NOTES[0].text
    assert some["codes"] == whole["codes"] != []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text": ""}, (422, "invalid-note")),
        ({"text": f"{CANARY}\0"}, (422, "invalid-note")),
        ({"text": "x" * 1_000_001}, (413, "note-too-long")),
        ({"note_id": "a\nb"}, (422, "invalid-request")),
        ({"note_id": "x" * 201}, (422, "invalid-request")),
        ({"codes": [{"code": "Z99"}]}, (422, "invalid-option")),
        ({"codes": None}, (422, "invalid-request")),
        ({CANARY: 1}, (422, "invalid-request")),
    ],
)
def test_what_cannot_be_stored_is_a_problem(
    client: TestClient, indexed: str, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    """And leaves nothing behind."""
    answer = client.post("/v1/notes", json=NOTE | change)
    assert problem(answer) == expected
    assert CANARY not in answer.text
    assert visits(indexed) == []


def test_without_a_database_there_are_no_notes(coder: FakeCoder) -> None:
    """Each route says so."""
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        for answer in (client.post("/v1/notes", json=NOTE), client.get(PATH), client.delete(PATH)):
            assert problem(answer) == (409, "no-database")


def test_an_id_that_none_can_be_is_refused(client: TestClient) -> None:
    """Before the database is asked; NUL is none in PostgreSQL."""
    assert problem(client.get("/v1/notes/a%00b")) == (422, "invalid-request")
