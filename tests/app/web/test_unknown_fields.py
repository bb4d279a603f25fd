"""A field that a route does not know is named in the problem, on every route that reads a body or a query."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.problem_table import field_problem
from tests.app.answers import problem
from tests.app.fhir.documents import document

UNKNOWN = "is not a field of this route"
CODE = {"code": "401.9"}
LINE = {"id": "a", "text": "x"}
REQUESTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/v1/predict", {"text": "x", "topK": 3}, "body.topK"),
    ("POST", "/v1/predict", {"text": "x", "topk": 3, "sex": "f"}, "body.topk"),
    ("POST", "/v1/neighbours", {"text": "x", "top_k": 3}, "body.top_k"),
    ("POST", "/v1/audit", {"text": "x", "codes": [{**CODE, "titel": "y"}]}, "body.codes.0.titel"),
    ("POST", "/v1/notes", {"note_id": "a", "text": "x", "codes": [], "patient-id": "p"}, "body.patient-id"),
    ("POST", "/v1/reviews", {"note_id": "n1", "actions": [{"action": "add", **CODE, "by": "y"}]}, "body.actions.0.by"),
    ("POST", "/v1/bundles", {"name": "a", "path": "/srv"}, "body.path"),
    ("PUT", "/v1/bundles/aliases/production", {"name": "a", "alias": "b"}, "body.alias"),
    ("POST", "/v1/bundles/load", {"bundle": "a", "name": "b"}, "body.name"),
    ("GET", "/v1/codes", {"query": "heart"}, "query.query"),
    ("GET", "/v1/jobs", {"page": 2}, "query.page"),
    ("GET", "/v1/reviews", {"noteId": "n1"}, "query.noteId"),
    ("GET", "/v1/reviews/export", {"format": "csv"}, "query.format"),
]


def send(client: TestClient, method: str, path: str, fields: dict[str, Any]) -> Any:
    if method == "GET":
        return client.get(path, params=fields)
    return client.request(method, path, json=fields)


@pytest.mark.parametrize(("method", "path", "fields", "field"), REQUESTS)
def test_an_unknown_field_is_named(
    client: TestClient, method: str, path: str, fields: dict[str, Any], field: str
) -> None:
    """By its way from the body or the query, and never with its value."""
    answer = send(client, method, path, fields)
    assert problem(answer) == (422, "invalid-request")
    named = {error["field"]: error["problem"] for error in answer.json()["errors"]}
    assert named[field] == UNKNOWN


def test_an_option_in_the_address_of_a_route_with_a_body_is_named(client: TestClient) -> None:
    """On every such route, before its body is judged; it would be ignored in silence."""
    asked = 0
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation:
                where = path.replace("{alias}", "production")
                answer = client.request(method, where, params={"top_k": 3, "Zzyzx canary": "y"}, json={})
                assert problem(answer) == (422, "invalid-request"), path
                assert [error["field"] for error in answer.json()["errors"]] == ["query.top_k", "query"]
                assert "Zzyzx" not in answer.text
                asked += 1
    assert asked >= 10
    assert client.get("/healthz", params={"probe": 1}).status_code == 200


def test_every_route_with_a_body_or_a_query_is_asked(client: TestClient) -> None:
    """A new one has to be added above; bodies of other forms are asked below."""
    others = {("POST", "/v1/predict/batch"), ("POST", "/v1/jobs")}
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            queried = any(parameter["in"] == "query" for parameter in operation.get("parameters", []))
            if queried or "requestBody" in operation:
                asked = path.replace("{alias}", "production")
                assert any((method.upper(), asked) == one[:2] for one in REQUESTS) or (method.upper(), path) in others


def test_an_unknown_field_of_a_note_in_a_batch_is_named(client: TestClient) -> None:
    """In that item's problem; one beside the items refuses the batch."""
    answer = client.post("/v1/predict/batch", json={"items": [{"text": "x", "topK": 3}]})
    assert answer.json()["results"][0]["problem"]["errors"] == [{"field": "topK", "problem": UNKNOWN}]
    answer = client.post("/v1/predict/batch", json={"items": [{"text": "x"}], "top_k": 3})
    assert answer.json()["errors"] == [{"field": "body.top_k", "problem": UNKNOWN}]


def test_an_unknown_field_of_a_job_is_named_with_its_line(client: TestClient) -> None:
    lines = "\n".join(map(json.dumps, [LINE, {**LINE, "id": "b", "neighbours": 3}]))
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "k"}
    answer = client.post("/v1/jobs", content=lines, headers=headers)
    assert problem(answer) == (422, "invalid-line")
    assert answer.json()["errors"] == [{"field": "line 2, neighbours", "problem": UNKNOWN}]


def test_an_unknown_element_of_a_document_is_named(client: TestClient) -> None:
    body = document("x", ward="3")
    answer = client.post("/v1/predict", content=json.dumps(body), headers={"Content-Type": "application/fhir+json"})
    assert problem(answer) == (422, "invalid-resource")
    assert answer.json()["errors"][0]["field"] == "ward"


@pytest.mark.parametrize("name", ["Old Mr Testperson", "hypertension, then failure", "Testperson", "", "a" * 41, "ß"])
def test_a_name_that_may_be_text_of_a_note_is_left_out(client: TestClient, name: str) -> None:
    """A broken program sends a note where a name should be: what holds it is named instead."""
    answer = client.post("/v1/predict", json={"text": "x", name: 1})
    (error,) = answer.json()["errors"]
    assert error["field"] == "body"
    assert "whose name is left out" in error["problem"]
    assert not name or name not in answer.text


@given(st.text(), st.text(min_size=1))
def test_neither_value_nor_blank_is_ever_repeated(name: str, value: str) -> None:
    """A name is one word of ASCII, 40 characters at most."""
    item = {"type": "extra_forbidden", "loc": ("body", name), "msg": "no", "input": value}
    found = field_problem(item)
    assert found.field in ("body", f"body.{name}")
    assert len(found.field) <= 45
    assert found.field.isascii()
    assert " " not in found.field
    assert found == field_problem({**item, "input": ""})
