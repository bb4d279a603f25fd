"""Reviews over REST: made, read, exported, gone with their note, and never changed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from app.access.gate import OpenGate
from app.access.scopes import Scope
from app.database.engine import open_engine, write
from app.errors import DatabaseUnavailable
from app.notes.verify_index import verify_index
from app.reviews.service import MISFIT
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access.fake_identity_provider import settings_of, token
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import CANARY, NOTES, FakeCoder, index_into, write_dataset

REVIEW = {
    "note_id": "n1",
    "actions": [
        {"action": "reject", "code": "25000"},
        {"action": "add", "system": "icd9cm", "code": "0389", "position": 1},
        {"action": "accept", "code": "428.0"},
        {"action": "reorder", "code": "401.9", "position": 99},
    ],
}


def spelled(answer: dict[str, Any]) -> list[str]:
    return [code["code"] for code in answer["codes"]]


def test_a_review_changes_the_list_and_leaves_what_was_assigned(client: TestClient, indexed: str) -> None:
    """In the transaction of its row in the access log; who, when, which bundle."""
    made = client.post("/v1/reviews", json=REVIEW)
    kept = made.json()
    assert made.status_code == 201
    assert spelled(kept) == ["038.9", "428.0", "401.9"]
    assert [code["title"] for code in kept["codes"]] == ["", "Congestive heart failure", "Essential hypertension"]
    assert kept["warnings"] == ["the bundle has no code '038.9' of icd9cm: it was added as it was written"]
    assert (kept["bundle_id"], kept["reviewer"]) == ("b" * 64, "no-auth")
    read = client.get("/v1/reviews", params={"note_id": "n1"}).json()
    assert read["codes"] == kept["codes"]
    assert [(each["review_id"], each["who"], len(each["actions"])) for each in read["reviews"]] == [
        (kept["review_id"], "no-auth", 4)
    ]
    assert read["reviews"][0]["actions"][1] == {"action": "add", "system": "icd9cm", "code": "038.9", "position": 1}
    assert abs(datetime.fromisoformat(read["reviews"][0]["created_at"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert [code["code"] for code in client.get("/v1/notes/n1").json()["codes"]] == ["401.9", "250.00"]
    rows = [row for row in logged(create_engine(indexed)) if "reviews" in row[1]]
    assert rows == [
        ("no-auth", "POST /v1/reviews", '["n1"]', 201),
        ("no-auth", "GET /v1/reviews", '["n1"]', 200),
    ]


def test_the_next_review_begins_where_the_last_one_ended(client: TestClient) -> None:
    """Accepted again after a rejection, a code stands at the end."""
    client.post("/v1/reviews", json=REVIEW)
    again = {"note_id": "n1", "actions": [{"action": "accept", "code": "250.00"}], "reviewer": "Fake Coder"}
    kept = client.post("/v1/reviews", json=again).json()
    assert spelled(kept) == ["038.9", "428.0", "401.9", "250.00"]
    assert kept["reviewer"] == "Fake Coder"


def test_the_reviewer_is_the_name_of_the_key(tmp_path: Path, coder: FakeCoder) -> None:
    """And its id is kept beside a name that the request gives."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    key = make_key(gate, Scope.REVIEW)
    with TestClient(app) as client:
        assert client.post("/v1/reviews", json=REVIEW, headers=bearer(key)).json()["reviewer"] == "Testperson"
        client.post("/v1/reviews", json=REVIEW | {"reviewer": "Dr Fake"}, headers=bearer(key))
        reviews = client.get("/v1/reviews", headers=bearer(key)).json()["reviews"]
    assert [(each["reviewer"], each["who"]) for each in reviews] == [
        ("Testperson", key.split("_")[1]),
        ("Dr Fake", key.split("_")[1]),
    ]


IMPOSSIBLE = {"action": "reorder", "system": "icd9cm", "code": "E999.1", "position": 1}
UNKNOWN_BUNDLE = {"bundle_id": "c" * 64}
UNKNOWN_CODE = {"actions": [{"action": "accept", "code": "Z99"}]}


@pytest.mark.parametrize("wrong", [UNKNOWN_BUNDLE, UNKNOWN_CODE])
def test_what_is_wrong_with_every_note_is_told_before_a_note_is_looked_for(
    tmp_path: Path, coder: FakeCoder, wrong: dict[str, Any]
) -> None:
    """So no answer tells whether one is stored, and nothing is logged."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    headers = bearer(make_key(gate, Scope.REVIEW))
    with TestClient(app, headers=headers) as client:
        told = [client.post("/v1/reviews", json=REVIEW | wrong | {"note_id": note}) for note in ("n1", "n0")]
    assert problem(told[0]) == problem(told[1]) == (422, "invalid-option")
    assert told[0].json()["detail"] == told[1].json()["detail"]
    assert not any("reviews" in row[1] for row in logged(gate.engine))


@pytest.mark.parametrize("own", ["401.9", "250.00", "428.0", "00.66"])
@pytest.mark.parametrize("kind", ["reorder", "reject", "accept"])
def test_a_refused_review_names_no_code_to_a_key_without_neighbours_and_is_logged(
    tmp_path: Path, coder: FakeCoder, kind: str, own: str
) -> None:
    """One answer whether the first action fits the note or not: it would tell the note's codes one by one."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    key = make_key(gate, Scope.REVIEW)
    place = {"position": 1} if kind == "reorder" else {}
    actions = [{"action": kind, "code": own, **place}, IMPOSSIBLE]
    with TestClient(app) as client:
        answer = client.post("/v1/reviews", json={"note_id": "n1", "actions": actions}, headers=bearer(key))
        assert problem(answer) == (422, "invalid-option")
        assert answer.json()["detail"] == MISFIT
        assert logged(gate.engine)[-1] == (key.split("_")[1], "POST /v1/reviews", '["n1"]', 422)
        seeing = bearer(make_key(gate, Scope.REVIEW, Scope.NEIGHBOURS))
        named = client.post("/v1/reviews", json={"note_id": "n1", "actions": actions}, headers=seeing)
        assert "'icd9cm:" in named.json()["detail"] or "'icd9pcs:" in named.json()["detail"]
        assert client.get("/v1/reviews", headers=seeing).json() == {"reviews": []}


def test_a_review_by_a_token_is_signed_with_its_pseudonym(tmp_path: Path, coder: FakeCoder) -> None:
    """As the access log names the person."""
    app, _ = keyed_app(indexed_database(tmp_path, coder), coder, **settings_of(tmp_path))
    with TestClient(app, headers=bearer(token(scope="review"))) as client:
        assert client.post("/v1/reviews", json=REVIEW).json()["reviewer"].startswith("sub-")
        (review,) = client.get("/v1/reviews").json()["reviews"]
    assert review["reviewer"] == review["who"]


def test_pages_hold_every_review_once(client: TestClient) -> None:
    """By note, and since a moment."""
    made = [
        client.post("/v1/reviews", json={"note_id": note, "actions": [{"action": "accept", "code": "401.9"}]}).json()
        for note in ("n1", "n2", "n1", "n3", "n1")
    ]
    found, after = [], 0
    while after is not None:
        page = client.get("/v1/reviews", params={"limit": 2, "after": after}).json()
        assert "codes" not in page
        found += [review["review_id"] for review in page["reviews"]]
        after = page.get("next_after")
    assert found == [review["review_id"] for review in made]
    one = client.get("/v1/reviews", params={"note_id": "n1", "limit": 3}).json()
    assert [review["review_id"] for review in one["reviews"]] == [found[0], found[2], found[4]]
    assert "next_after" not in one
    late = client.get("/v1/reviews", params={"since": made[3]["created_at"]}).json()["reviews"]
    assert [review["review_id"] for review in late] == found[3:]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"note_id": CANARY}, (404, "unknown-note")),
        ({"actions": []}, (422, "invalid-request")),
        ({"actions": [{"action": "accept", "code": "Z99"}]}, (422, "invalid-option")),
        ({"actions": [{"action": "accept", "system": "icd9cm", "code": "999.9"}]}, (422, "invalid-option")),
        ({"actions": [{"action": "reject", "system": "icd9cm", "code": "999.9"}]}, (422, "invalid-option")),
        ({"actions": [{"action": "reorder", "code": "428.0", "position": 1}]}, (422, "invalid-option")),
        ({"actions": [{"action": "reorder", "code": "401.9"}]}, (422, "invalid-request")),
        ({"actions": [{"action": "accept", "code": "401.9", "position": 1}]}, (422, "invalid-request")),
        ({"actions": [{"action": "add", "code": "401.9", "position": 0}]}, (422, "invalid-request")),
        ({"actions": [{"action": "burn", "code": "401.9"}]}, (422, "invalid-request")),
        ({"actions": [{"action": "add", "code": f"{CANARY} bite"}]}, (422, "invalid-request")),
        ({"actions": [{"action": "add", "code": 401.9}]}, (422, "invalid-request")),
        ({"actions": [{"action": "accept", "code": "401.9"}] * 501}, (422, "invalid-request")),
        ({"bundle_id": "c" * 64}, (422, "invalid-option")),
        ({"bundle_id": "c"}, (422, "invalid-request")),
        ({"reviewer": f"{CANARY}\n"}, (422, "invalid-request")),
        ({"reviewer": ""}, (422, "invalid-request")),
        ({CANARY: 1}, (422, "invalid-request")),
    ],
)
def test_what_cannot_be_reviewed_is_a_problem(
    client: TestClient, indexed: str, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Without a word of the request, and no review is stored; what was compared with a note's codes is logged."""
    answer = client.post("/v1/reviews", json=REVIEW | change)
    assert problem(answer) == expected
    assert CANARY not in answer.text
    assert client.get("/v1/reviews").json() == {"reviews": []}
    rows = [row for row in logged(create_engine(indexed)) if row[1] == "POST /v1/reviews"]
    compared = "the note's list" in answer.text
    assert rows == ([("no-auth", "POST /v1/reviews", '["n1"]', 422)] if compared else [])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"note_id": CANARY}, (404, "unknown-note")),
        ({"since": "2026-01-01T00:00:00"}, (422, "invalid-request")),
        ({"since": CANARY}, (422, "invalid-request")),
        ({"since": "2026-01-01T00:00:00+99:00"}, (422, "invalid-request")),
        ({"since": "0001-01-01T00:00:00+14:00"}, (422, "invalid-request")),
        ({"since": "9999-12-31T23:59:59-12:00"}, (422, "invalid-request")),
        ({"after": -1}, (422, "invalid-request")),
        ({"after": 2**31}, (422, "invalid-request")),
        ({"limit": 201}, (422, "invalid-request")),
        ({CANARY: 1}, (422, "invalid-request")),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_problem(
    client: TestClient, asked: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Without an echo."""
    answer = client.get("/v1/reviews", params=asked)
    assert problem(answer) == expected
    assert CANARY not in answer.text


def test_an_older_bundle_can_be_named_where_it_is_known(client: TestClient, indexed: str, tmp_path: Path) -> None:
    """Of an answer that it gave before this one was put in its place."""
    other = FakeCoder(embedding_id="f" * 64)
    other.bundle_id = "c" * 64
    index_into(indexed, other, tmp_path / "data")
    assert client.post("/v1/reviews", json=REVIEW | {"bundle_id": "c" * 64}).json()["bundle_id"] == "c" * 64


def test_both_engines_keep_reviews_and_refuse_to_change_them(
    migrated_url: str, coder: FakeCoder, tmp_path: Path
) -> None:
    """Updates, deletions and what empties a table; only the note takes its reviews with it."""
    index_into(migrated_url, coder, write_dataset(tmp_path / "data"), store_text=True)
    engine = open_engine(migrated_url)
    with TestClient(create_app(load_settings(database=migrated_url), coder, OpenGate())) as client:
        for note in ("n1", "n2"):
            assert client.post("/v1/reviews", json=REVIEW | {"note_id": note, "actions": ADD_ONE}).status_code == 201
        statements = [
            "UPDATE reviews SET reviewer = 'Somebody'",
            "UPDATE review_actions SET code = '486'",
            "DELETE FROM reviews WHERE id = 1",
            "DELETE FROM review_actions",
            *(["TRUNCATE reviews CASCADE", "TRUNCATE review_actions"] if engine.dialect.name == "postgresql" else []),
            *(REPLACING if engine.dialect.name == "sqlite" else []),
        ]
        for statement in statements:
            with pytest.raises(DatabaseUnavailable), write(engine) as connection:
                connection.execute(text(statement))
        assert [spelled(client.get("/v1/reviews", params={"note_id": n}).json()) for n in ("n1", "n2")] == [
            ["486", "401.9", "250.00"],
            ["486", "428.0"],
        ]
        assert client.delete("/v1/notes/n1").json()["reviews"] == 1
        left = client.get("/v1/reviews").json()["reviews"]
    assert [review["note_id"] for review in left] == ["n2"]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM review_actions")) == 1
    assert verify_index(engine).problems == []
    engine.dispose()


ADD_ONE = [{"action": "add", "system": "icd9cm", "code": "486", "position": 1}]
REPLACING = [
    "INSERT OR REPLACE INTO reviews SELECT id, note_id, bundle_id, who, 'Somebody', created_at FROM reviews",
    "INSERT OR REPLACE INTO review_actions SELECT review_id, sequence, 'reject', system, code, 1 FROM review_actions",
]


def exported(client: TestClient, **asked: str) -> list[str]:
    answer = client.get("/v1/reviews/export", params=asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.status_code == 200
    return answer.text.splitlines()


def test_the_export_is_a_table_of_reviewed_notes(client: TestClient, indexed: str) -> None:
    """Codes as text, the patient, the stored text; nothing of other notes; the access log names them."""
    assert exported(client) == ['"note_id","subject_id","codes","text"']
    client.post("/v1/reviews", json=REVIEW)
    assert exported(client) == [
        '"note_id","subject_id","codes","text"',
        f'"n1","p1","038.9;428.0;401.9","{NOTES[0].text}"',
    ]
    assert logged(create_engine(indexed))[-1] == ("no-auth", "GET /v1/reviews/export", '["n1"]', 200)


def test_a_table_holds_the_codes_of_one_system(client: TestClient) -> None:
    """Which has to be named where there are several."""
    client.post("/v1/reviews", json={"note_id": "n3", "actions": [{"action": "accept", "code": "428.0"}]})
    answer = client.get("/v1/reviews/export")
    assert problem(answer) == (422, "invalid-option")
    assert "icd9cm, icd9pcs" in answer.json()["detail"]
    rows = [exported(client, system=system)[1].split('","')[2] for system in ("icd9cm", "icd9pcs", "icd10cm")]
    assert rows == ["401.9;428.0", "00.66", ""]


def test_texts_need_their_scope(tmp_path: Path, coder: FakeCoder) -> None:
    """Without it the table has no such column."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app, headers=bearer(make_key(gate, Scope.REVIEW))) as client:
        client.post("/v1/reviews", json=REVIEW)
        assert exported(client) == ['"note_id","subject_id","codes"', '"n1","p1","038.9;428.0;401.9"']


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.post("/v1/reviews", json=REVIEW),
        lambda client: client.get("/v1/reviews"),
        lambda client: client.get("/v1/reviews/export"),
    ],
)
def test_without_a_database_there_are_no_reviews(coder: FakeCoder, ask: Callable[[TestClient], Any]) -> None:
    """Each route says so."""
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        assert problem(ask(client)) == (409, "no-database")
