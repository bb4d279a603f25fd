"""The service as a client sees it: answers, problems, silence about note text."""

import json
import re
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.gate import OpenGate
from app.problem_table import STATUS
from app.settings import load_settings
from app.web.application import create_app
from model.dataset import Document
from model.errors import EmbeddingMismatch
from tests.app.answers import NOTE, problem
from tests.app.fakes import CANARY, NOTES, FakeCoder, index_into, write_dataset

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def bare(coder: FakeCoder) -> Iterator[TestClient]:
    """The service without a database."""
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        yield client


def test_a_prediction_has_every_field_of_the_contract(client: TestClient) -> None:
    """And no other."""
    answer = client.post("/v1/predict", json={"text": NOTE, "top_k": 2}).json()
    known = {"bundle_id", "precision", "codes", "neighbours", "neighbours_by", "tokens", "warnings", "timings_ms"}
    assert set(answer) == known
    assert answer["precision"] == "fp32"
    assert answer["bundle_id"] == "b" * 64
    assert answer["codes"][0] == {
        "rank": 1,
        "system": "icd9cm",
        "code": "250.00",
        "title": "Diabetes mellitus",
        "probability": 0.9,
        "threshold": 0.5,
        "selected": True,
        "train_count": 3,
        "seen_in_training": True,
        "channels": [],
        "evidence": [
            {
                "start": 31,
                "end": 39,
                "text": "diabetes",
                "sources": ["attention"],
                "section": "Course",
                "negated": False,
                "family": False,
                "historical": True,
                "hypothetical": False,
            }
        ],
        "neighbour_count": 1,
        "support": {"by": "text", "share": pytest.approx(share_of(answer, "250.00")), "agrees": True},
    }
    assert [code["neighbour_count"] for code in answer["codes"]] == [1, 2]
    assert answer["tokens"] == {"read": 7, "total": 7, "truncated": False}
    assert set(answer["neighbours"][0]) == {"note_id", "similarity", "codes", "snippet", "shared"}
    assert set(answer["neighbours"][0]["codes"][0]) == {"system", "code", "title"}
    assert set(answer["timings_ms"]) == {"inference", "neighbours", "total"}


def share_of(answer: dict[str, Any], code: str) -> float:
    """A loop over the neighbours of an answer: the part of their similarity on the carriers of a code."""
    carried = total = 0.0
    for note in answer["neighbours"]:
        weight = max(0.0, note["similarity"])
        total += weight
        carried += weight if code in {entry["code"] for entry in note["codes"]} else 0.0
    return carried / total


def test_neighbours_and_codes_say_what_they_share(client: TestClient) -> None:
    """Each suggested code by its carriers, each neighbour by the suggested codes that it carries."""
    answer = client.post("/v1/predict", json={"text": NOTE, "top_k": 3}).json()
    assert len(answer["neighbours"]) == 3
    for code in answer["codes"]:
        share = share_of(answer, code["code"])
        agrees = code["selected"] == (share >= 0.5)
        assert code["support"] == {"by": "text", "share": pytest.approx(share), "agrees": agrees}
    for note in answer["neighbours"]:
        carried = {code["code"] for code in note["codes"]}
        assert note["shared"] == [
            {key: code[key] for key in ("system", "code", "rank", "selected")}
            for code in answer["codes"]
            if code["code"] in carried
        ]
    assert any(note["shared"] for note in answer["neighbours"])


def test_without_neighbours_no_code_has_a_support(client: TestClient, bare: TestClient) -> None:
    """No neighbour was searched for, so none agrees or disagrees."""
    for service, asked in ((client, 0), (bare, 5)):
        answer = service.post("/v1/predict", json={"text": NOTE, "neighbours": asked}).json()
        assert all("support" not in code and code["neighbour_count"] == 0 for code in answer["codes"])


def test_offsets_slice_the_text_as_sent(client: TestClient) -> None:
    """In code points, beside letters outside ASCII and the basic plane."""
    spans = [
        span for code in client.post("/v1/predict", json={"text": NOTE}).json()["codes"] for span in code["evidence"]
    ]
    assert len(spans) == 2
    assert all(NOTE[span["start"] : span["end"]] == span["text"] for span in spans)


@pytest.mark.parametrize("explain", ["attention", "attingrad"])
def test_evidence_names_its_source_and_its_absence_a_reason(client: TestClient, explain: str) -> None:
    """A code with a span says who points at it, one without says why; nothing is said where none was asked for."""
    codes = client.post("/v1/predict", json={"text": NOTE, "explain": explain}).json()["codes"]
    assert {source for code in codes for span in code["evidence"] for source in span["sources"]} == {explain}
    assert all(("no_span" in code) == (not code["evidence"]) for code in codes)
    assert any(code.get("no_span") == "no span: from classifier" for code in codes)
    silent = client.post("/v1/predict", json={"text": NOTE, "explain": "none"}).json()["codes"]
    assert all(code["evidence"] == [] and "no_span" not in code for code in silent)


def test_a_text_only_request_finds_itself_and_warns_about_patients(client: TestClient) -> None:
    """The service cannot know whose note it is."""
    answer = client.post("/v1/predict", json={"text": NOTES[0].text}).json()
    assert answer["neighbours"][0]["note_id"] == "n1"
    assert answer["neighbours"][0]["similarity"] >= 0.999
    assert answer["neighbours"][0]["snippet"] == NOTES[0].text
    assert any("no patient is named" in warning for warning in answer["warnings"])


@pytest.mark.parametrize("route", ["predict", "neighbours"])
def test_the_named_patient_is_excluded(client: TestClient, route: str) -> None:
    """And nothing is left to warn about."""
    answer = client.post(f"/v1/{route}", json={"text": NOTES[0].text, "subject_id": "p1"}).json()
    assert [neighbour["note_id"] for neighbour in answer["neighbours"]] == ["n3"]
    assert answer["warnings"] == []


@pytest.mark.parametrize("route", ["predict", "neighbours"])
@pytest.mark.parametrize(("subject", "expected"), [(None, ["n3"]), ("p2", [])])
def test_a_stored_note_excludes_itself_its_patient_and_the_named_one(
    client: TestClient, route: str, subject: str | None, expected: list[str]
) -> None:
    """n1 and n2 are the same patient's."""
    body = {"note_id": "n1"} | ({"subject_id": subject} if subject else {})
    answer = client.post(f"/v1/{route}", json=body).json()
    assert [neighbour["note_id"] for neighbour in answer["neighbours"]] == expected


def test_a_stored_note_without_text_still_has_neighbours(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """Its embedding is there; a prediction would need the text. The missing snippets are explained."""
    index_into(url, coder, write_dataset(tmp_path / "data"))
    with TestClient(create_app(load_settings(database=url), coder, OpenGate())) as client:
        answer = client.post("/v1/neighbours", json={"note_id": "n1"}).json()
        assert [neighbour["note_id"] for neighbour in answer["neighbours"]] == ["n3"]
        assert "tokens" not in answer
        assert "snippet" not in answer["neighbours"][0]
        assert any("--store-text" in warning for warning in answer["warnings"])
        assert problem(client.post("/v1/predict", json={"note_id": "n1"})) == (409, "text-not-stored")


def test_without_a_database_the_answer_says_so(bare: TestClient) -> None:
    """Codes come, neighbours do not; a request that wants none is not bothered."""
    answer = bare.post("/v1/predict", json={"text": NOTE}).json()
    assert answer["neighbours"] == []
    assert answer["warnings"] == ["no database is in use: the answer has no neighbours"]
    assert bare.post("/v1/predict", json={"text": NOTE, "neighbours": 0}).json()["warnings"] == []
    assert problem(bare.post("/v1/predict", json={"note_id": "n1"})) == (409, "no-database")


def test_neighbours_of_a_text_tell_the_tokens(client: TestClient) -> None:
    """So that a truncated note is noticed."""
    answer = client.post("/v1/neighbours", json={"text": NOTES[2].text, "neighbours": 1}).json()
    assert [neighbour["note_id"] for neighbour in answer["neighbours"]] == ["n3"]
    assert answer["tokens"]["truncated"] is False


def test_model_describes_the_bundle(client: TestClient) -> None:
    """Label space by system, identity, card, versions."""
    answer = client.get("/v1/model").json()
    assert answer["labels"] == {"total": 4, "by_system": {"icd9cm": 3, "icd9pcs": 1}}
    assert (answer["bundle_id"], answer["embedding_id"]) == ("b" * 64, "e" * 64)
    assert answer["card"] == {"loss": "sd"}
    assert {"python", "icd-coder", "torch"} <= set(answer["versions"])


@pytest.mark.parametrize("route", ["predict", "neighbours"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (422, "invalid-request")),
        (b"{", (400, "malformed-body")),
        (b"\xff\xfe", (400, "malformed-body")),
        (b"[" * 20, (400, "malformed-body")),
        (b"[]", (422, "invalid-request")),
        (b'"text"', (422, "invalid-request")),
        (b"{}", (422, "invalid-request")),
        (b'{"text": null}', (422, "invalid-request")),
        (b'{"text": 5}', (422, "invalid-request")),
        (b'{"text": NaN}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": NaN}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": 1e400}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": -Infinity}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": 1' + b"0" * 5000 + b"}", (400, "malformed-body")),
        (b'{"text": "Zzyzxcanary", "top_k": 0}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": 2.5}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": true}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": "Zzyzxcanary"}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "top_k": 501}', (422, "invalid-option")),
        (b'{"text": "Zzyzxcanary", "neighbours": 51}', (422, "invalid-option")),
        (b'{"text": "Zzyzxcanary", "neighbours": -1}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "explain": "Zzyzxcanary"}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "Zzyzxcanary": 1}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "note_id": "n1"}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary", "subject_id": "a\\nb"}', (422, "invalid-request")),
        (b'{"text": ["Zzyzxcanary"]}', (422, "invalid-request")),
        (b'{"text": "Zzyzxcanary \\ud800"}', (422, "invalid-note")),
        (b'{"text": "Zzyzxcanary \\u0000"}', (422, "invalid-note")),
        (b'{"text": ""}', (422, "invalid-note")),
        (b'{"text": " \\n\\t "}', (422, "invalid-note")),
        (b'{"note_id": "Zzyzxcanary"}', (404, "unknown-note")),
        (b'{"note_id": ""}', (422, "invalid-request")),
        (b'{"note_id": "\\ud800"}', (422, "invalid-request")),
    ],
)  # fmt: skip
def test_bad_bodies_are_problems_that_echo_nothing(
    client: TestClient,
    logs: StringIO,
    body: bytes,
    expected: tuple[int, str],
    route: str,
) -> None:
    """A 4xx with a stable type; neither the answer nor the log holds a word of the request."""
    if route == "neighbours" and (b"top_k" in body or b"explain" in body):
        expected = (expected[0], expected[1].replace("invalid-option", "invalid-request"))
    response = client.post(f"/v1/{route}", content=body, headers=JSON)
    assert problem(response) == expected
    assert CANARY not in response.text
    assert f'"route": "/v1/{route}"' in logs.getvalue()
    assert CANARY not in logs.getvalue()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"text": ' + b'{"Zzyzxcanary":' * 20 + b"1" + b"}" * 21])
def test_a_body_that_is_nested_too_deeply_is_not_parsed(client: TestClient, body: bytes) -> None:
    """One level less is, and has the wrong shape."""
    response = client.post("/v1/predict", content=body, headers=JSON)
    assert problem(response) == (422, "body-too-deep")
    assert CANARY not in response.text
    fits = b'{"text": ' + b'{"a":' * 19 + b"1" + b"}" * 20
    assert problem(client.post("/v1/predict", content=fits, headers=JSON)) == (422, "invalid-request")


def test_brackets_in_a_note_are_no_nesting(client: TestClient) -> None:
    """Only the JSON's own count."""
    assert client.post("/v1/predict", json={"text": "[" * 1000 + ' \\" {' * 30}).status_code == 200


def test_a_body_that_is_not_declared_as_json_is_refused(client: TestClient) -> None:
    """Without an echo of its bytes."""
    response = client.post("/v1/predict", content=b'{"text": "Zzyzxcanary"}', headers={"Content-Type": "text/plain"})
    assert problem(response) == (415, "wrong-content-type")
    assert CANARY not in response.text


def test_a_body_over_the_limit_is_413_also_in_chunks(coder: FakeCoder) -> None:
    """Declared or not, the body is not read to its end."""
    sent: list[int] = []

    def chunks() -> Iterator[bytes]:
        yield b'{"text": "'
        for chunk in range(10_000):
            sent.append(chunk)
            yield b"x" * 100
        yield b'"}'

    with TestClient(create_app(load_settings(max_body_bytes=1000), coder, OpenGate())) as client:
        assert problem(client.post("/v1/predict", json={"text": "x" * 1000})) == (413, "body-too-large")
        assert problem(client.post("/v1/predict", content=chunks(), headers=JSON)) == (413, "body-too-large")
        assert client.post("/v1/predict", json={"text": "x" * 900}).status_code == 200
        lying = {**JSON, "Content-Length": "5000"}
        assert problem(client.post("/v1/predict", content=b"{}", headers=lying)) == (413, "body-too-large")


def test_a_note_over_the_limit_is_413(coder: FakeCoder) -> None:
    """The message names both numbers."""
    with TestClient(create_app(load_settings(max_characters=100), coder, OpenGate())) as client:
        response = client.post("/v1/predict", json={"text": "x" * 101})
    assert problem(response) == (413, "note-too-long")
    assert "101 characters, the limit is 100" in response.json()["detail"]


def test_unknown_routes_and_wrong_methods_are_problems(client: TestClient) -> None:
    """405 says what is allowed."""
    missing = client.get(f"/{CANARY}")
    assert problem(missing) == (404, "unknown-route")
    assert CANARY not in missing.text
    wrong = client.get("/v1/predict")
    assert problem(wrong) == (405, "wrong-method")
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, UnicodeError, KeyError])
def test_an_unexpected_error_is_a_500_without_details(
    client: TestClient,
    coder: FakeCoder,
    logs: StringIO,
    kind: type[Exception],
) -> None:
    """The log has the class and the place, never the message; the request id ties the two together."""
    coder.error = kind(f"failing row contains ({CANARY})")
    response = client.post("/v1/predict", json={"text": CANARY})
    assert problem(response) == (500, "internal-error")
    assert CANARY not in response.text
    logged = logs.getvalue()
    assert CANARY not in logged
    lines = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    error = next(line for line in lines if line["event"] == "unexpected error")
    assert error["error"] == kind.__name__
    assert any("fakes.py" in place for place in error["at"])
    assert error["request_id"] == response.headers["x-request-id"]


def test_a_good_request_is_logged_without_its_content(client: TestClient, logs: StringIO) -> None:
    """Id, method, the route's template, status, milliseconds."""
    response = client.post("/v1/predict", json={"text": f"{CANARY} hypertension"})
    assert response.status_code == 200
    line = json.loads(logs.getvalue().splitlines()[-1])
    assert set(line) == {"event", "request_id", "method", "route", "status", "who", "ms", "level", "timestamp"}
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/predict", 200)
    assert line["request_id"] == response.headers["x-request-id"]
    assert CANARY not in json.dumps(line)


def test_a_database_of_another_embedding_stops_the_start(indexed: str) -> None:
    """Before any port is opened."""
    with pytest.raises(EmbeddingMismatch, match="add its embeddings with"):
        create_app(load_settings(database=indexed), FakeCoder(embedding_id="f" * 64), OpenGate())


def test_threads_get_their_own_answers(client: TestClient) -> None:
    """Sixteen clients with distinct notes: each answer belongs to its request."""
    words = ["hypertension", "diabetes", "failure", "angioplasty"]
    texts = [f"{'pad ' * i}{words[i % 4]}" for i in range(16)]
    answers: dict[str, Any] = {}

    def send(text: str) -> None:
        answers[text] = client.post("/v1/predict", json={"text": text}).json()

    threads = [threading.Thread(target=send, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text in texts:
        span = answers[text]["codes"][0]["evidence"][0]
        assert text[span["start"] : span["end"]] == span["text"] == text.split()[-1]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text())
def test_no_text_is_a_server_error(client: TestClient, text: str) -> None:
    """Whatever Unicode comes, lone surrogates included: 200 or 4xx."""
    body = json.dumps({"text": text}).encode()
    response = client.post("/v1/predict", content=body, headers=JSON)
    assert response.status_code in (200, 422)
    if response.status_code == 422:
        assert problem(response)[1] in ("invalid-note", "invalid-request")


def test_openapi_shows_examples_and_problems(client: TestClient) -> None:
    """Each route declares its problems by their own media type; /docs is there."""
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/predict"]["post"]
    assert set(operation["responses"]) >= {"200", "400", "413", "422", "503"}
    assert "application/problem+json" in operation["responses"]["422"]["content"]
    assert document["components"]["schemas"]["PredictRequest"]["examples"]
    assert client.get("/docs").status_code == 200


def test_problem_types_are_distinct() -> None:
    """A client can tell them apart."""
    slugs = [slug for _, slug in STATUS.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z-]+", slug) for slug in slugs)


def test_stored_text_comes_out_in_the_snippet_alone(url: str, coder: FakeCoder, tmp_path: Path) -> None:
    """And nowhere else in the answer."""
    note = Document("c1", "p1", "train", f"{CANARY} hypertension", ())
    index_into(url, coder, write_dataset(tmp_path / "data", [note]), store_text=True)
    with TestClient(create_app(load_settings(database=url), coder, OpenGate())) as client:
        answer = client.post("/v1/predict", json={"text": "hypertension"}).json()
    assert answer["neighbours"][0].pop("snippet") == note.text
    assert CANARY not in json.dumps(answer)


def test_no_cache_keeps_what_can_hold_a_note(client: TestClient) -> None:
    """Answers, refusals and streams; probes and the page hold none."""
    for path in ("/v1/model", "/v1/codes", "/v1/jobs", "/v1/notes/none", "/nowhere", "/v1/reviews/export"):
        assert client.get(path).headers.get_list("cache-control") == ["no-store"], path
    assert client.post("/v1/predict", json={"text": NOTE}).headers["cache-control"] == "no-store"
    assert client.post("/v1/predict", content=b"{").headers["cache-control"] == "no-store"
    assert "public" in client.get("/docs/swagger-ui.css").headers["cache-control"]


def test_a_slash_too_many_is_no_redirect(client: TestClient) -> None:
    """The note would be sent twice."""
    for path in ("/v1/predict/", "/healthz/", "/v1/jobs/"):
        assert client.post(path, json={"text": NOTE}, follow_redirects=False).status_code == 404
