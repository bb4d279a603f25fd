"""Every route by every method with every kind of key and token: what is let in, and what is refused and how.

A new route needs a row in ROUTES; without one, test_every_route_has_a_row fails.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from app.access.scopes import Scope
from app.web.docs_page import ASSETS
from tests.app.access.fake_identity_provider import settings_of, token
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, keys_of_every_kind
from tests.app.bundles.folders import FakeOpener, put_bundle
from tests.app.fakes import FakeCoder
from tests.app.jobs.job_files import ended

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
REFUSED = {
    "none": "missing-key",
    "wrong": "wrong-key",
    "malformed": "wrong-key",
    "revoked": "revoked-key",
    "expired": "expired-key",
    "token of another issuer": "wrong-token",
    "token that has expired": "wrong-token",
}
TOKEN = "token "  # noqa: S105 - a name of a column
"""Before the scope that it grants."""
NOBODY: frozenset[str] = frozenset()
ANYBODY = frozenset({*REFUSED, *Scope})
ANY_KEY = frozenset(Scope)
ADMIN = frozenset({Scope.ADMIN})
JOBS = frozenset({Scope.PREDICT, Scope.ADMIN})


@dataclass(frozen=True)
class Row:
    """A route with one of its methods: who may, and a request that then gets a 2xx.

    A path with JOB gets a job of the caller, or of another caller for keys that may see all jobs.
    """

    method: str
    template: str
    may: frozenset[str]
    body: dict[str, Any] | None = None
    path: str = ""
    """Where the template has parameters."""
    status: int = 200
    """Of a request that is let in."""


ROUTES = [
    Row("POST", "/v1/predict", frozenset({Scope.PREDICT}), {"text": "hypertension"}),
    Row("POST", "/v1/predict/batch", frozenset({Scope.PREDICT}), {"items": [{"text": "hypertension"}]}),
    Row("POST", "/v1/audit", frozenset({Scope.PREDICT}), {"text": "hypertension", "codes": [{"code": "401.9"}]}),
    Row("POST", "/v1/neighbours", frozenset({Scope.NEIGHBOURS}), {"text": "hypertension"}),
    Row(
        "POST",
        "/v1/notes",
        frozenset({Scope.ADMIN}),
        {"note_id": "m1", "text": "hypertension", "codes": [{"code": "401.9"}]},
        status=201,
    ),
    Row("GET", "/v1/notes/{note_id:path}", frozenset({Scope.NEIGHBOURS}), path="/v1/notes/n1"),
    Row("DELETE", "/v1/notes/{note_id:path}", frozenset({Scope.ADMIN}), path="/v1/notes/n2"),
    Row(
        "POST",
        "/v1/reviews",
        frozenset({Scope.REVIEW}),
        {"note_id": "n1", "actions": [{"action": "accept", "code": "401.9"}]},
        status=201,
    ),
    Row("GET", "/v1/reviews", frozenset({Scope.REVIEW})),
    Row("GET", "/v1/reviews/export", frozenset({Scope.REVIEW})),
    Row("POST", "/v1/jobs", frozenset({Scope.PREDICT}), status=201),
    Row("GET", "/v1/jobs", JOBS),
    Row("GET", "/v1/jobs/{job_id}", JOBS, path="/v1/jobs/JOB"),
    Row("GET", "/v1/jobs/{job_id}/events", JOBS, path="/v1/jobs/JOB/events"),
    Row("GET", "/v1/jobs/{job_id}/results", JOBS, path="/v1/jobs/JOB/results"),
    Row("POST", "/v1/jobs/{job_id}/cancel", JOBS, path="/v1/jobs/JOB/cancel"),
    Row("DELETE", "/v1/jobs/{job_id}", JOBS, path="/v1/jobs/JOB"),
    Row("GET", "/v1/bundles", ADMIN),
    Row("POST", "/v1/bundles", ADMIN, {"name": "first"}),
    Row("PUT", "/v1/bundles/aliases/{alias}", ADMIN, {"name": "first"}, "/v1/bundles/aliases/production"),
    Row("POST", "/v1/bundles/load", ADMIN, {"bundle": "first"}),
    Row("GET", "/v1/model", ANY_KEY),
    Row("GET", "/v1/codes", ANY_KEY),
    Row("GET", "/healthz", ANYBODY),
    Row("HEAD", "/healthz", ANYBODY),
    Row("GET", "/readyz", ANYBODY),
    Row("HEAD", "/readyz", ANYBODY),
    Row("GET", "/metrics", frozenset({Scope.ADMIN})),
    Row("GET", "/", ANYBODY),
    Row("GET", "/docs", ANYBODY),
    *(Row("GET", asset, ANYBODY) for asset in ASSETS),
    Row("GET", "/openapi.json", ANYBODY),
    Row("HEAD", "/openapi.json", ANYBODY),
]
STORED = [
    Row("POST", "/v1/predict", frozenset({Scope.PREDICT}), {"note_id": "NOTE"}),
    Row("POST", "/v1/predict/batch", frozenset({Scope.PREDICT}), {"items": [{"note_id": "NOTE"}]}),
    Row("POST", "/v1/audit", frozenset({Scope.PREDICT}), {"note_id": "NOTE", "codes": [{"code": "401.9"}]}),
    Row("POST", "/v1/neighbours", NOBODY, {"note_id": "NOTE"}),
    Row("GET", "/v1/notes/{note_id:path}", NOBODY, path="/v1/notes/NOTE"),
    Row("GET", "/v1/reviews", frozenset({Scope.REVIEW}), path="/v1/reviews?note_id=NOTE"),
]
"""Routes that tell of a stored note whose id they are given, with the scopes beside neighbours that they need."""
WRITES_NOTES = {("POST", "/v1/notes"), ("DELETE", "/v1/notes/{note_id:path}"), ("POST", "/v1/reviews")}
"""Routes with an id whose scope is to change what is stored under it."""
ABSENT = Row("", "/v1/absent", NOBODY)
ROW = {(row.method, row.template): row for row in ROUTES}
TEMPLATES = list({row.template: row for row in [*ROUTES, ABSENT]})
KINDS = [*REFUSED, *(scope.value for scope in Scope), *(TOKEN + scope for scope in Scope)]


@dataclass(frozen=True)
class Service:
    """One service for the whole file."""

    app: FastAPI
    client: TestClient
    keys: dict[str, str | None]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Ready, behind keys, over a few notes."""
    coder = FakeCoder()
    folder = tmp_path_factory.mktemp("matrix")
    trusted = settings_of(folder)
    put_bundle(folder / "bundles", "first", "be")
    options = {"rate_limit": "none", "bundles": folder / "bundles", "store_text": True, **trusted}
    app, gate = keyed_app(indexed_database(folder, coder), coder, FakeOpener(), **options)
    with TestClient(app) as client:
        keys = keys_of_every_kind(gate) | tokens_of_every_kind()
        answer = client.post("/v1/predict", json={"text": "diabetes"}, headers=bearer(keys["predict"]))
        assert answer.status_code == 200  # coded behind the warm-up, so /readyz is 200 from here on
        registered = client.post("/v1/bundles", json={"name": "first"}, headers=bearer(keys["admin"]))
        assert registered.status_code == 201
        yield Service(app, client, keys)


def tokens_of_every_kind() -> dict[str, str | None]:
    """By name, as keys_of_every_kind."""
    return {
        "token of another issuer": token(iss="https://evil.example"),
        "token that has expired": token(exp=1),
        **{TOKEN + scope: token("ES256", scope=scope.value) for scope in Scope},
    }


def expected(row: Row | None, template: str, kind: str) -> tuple[int, str | None]:
    """Status and slug, by the rules of docs/decisions/0015."""
    is_open = any(each.template == template and each.may == ANYBODY for each in ROUTES)
    if kind in REFUSED and not is_open:
        return 401, REFUSED[kind]
    if template == ABSENT.template:
        return 404, "unknown-route"
    if row is None:
        return 405, "wrong-method"
    return (row.status, None) if kind.removeprefix(TOKEN) in row.may or row.may == ANYBODY else (403, "missing-scope")


def test_every_route_has_a_row(service: Service) -> None:
    """And every row its route."""
    there = {
        (method, route.path) for route in iter_route_contexts(service.app.routes) for method in route.methods or ()
    }
    assert there == set(ROW)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_route_by_a_method(service: Service, template: str, method: str) -> None:
    """With every kind of key."""
    row = ROW.get((method, template))
    path = row.path if row is not None and row.path else template
    found = {}
    for kind in KINDS:
        body = None if row is None else row.body
        path, body = _of_another_note(path, body) if kind == TOKEN + Scope.ADMIN else (path, body)
        if method == "POST" and template == "/v1/jobs":
            answer = _handed_in(service, kind)
        else:
            asked = path.replace("JOB", _job(service, kind)) if "JOB" in path else path
            answer = service.client.request(method, asked, json=body, headers=bearer(service.keys[kind]))
        found[kind] = (answer.status_code, _slug(answer, method))
        if answer.status_code in (401, 403):
            assert answer.headers["www-authenticate"].startswith('Bearer realm="icd-coder"')
    wanted = {kind: expected(row, template, kind) for kind in KINDS}
    if method == "HEAD":  # whose answers have no body
        wanted = {kind: (status, None) for kind, (status, _) in wanted.items()}
    assert found == wanted


@pytest.mark.parametrize("row", STORED, ids=lambda row: row.template)
def test_no_key_tells_a_stored_note_without_the_scope_neighbours(service: Service, row: Row) -> None:
    """With all other scopes, an id that is stored and one that is not get one answer; with it, they differ."""
    kept = {"note_id": "kept", "text": "hypertension", "codes": [{"code": "401.9"}]}
    assert service.client.post("/v1/notes", json=kept, headers=bearer(service.keys["admin"])).is_success
    others = frozenset(Scope) - {Scope.NEIGHBOURS}
    refused = [_asked_about(service, row, note_id, others) for note_id in ("kept", "n0", "x" * 200)]
    assert refused[0] == refused[1] == refused[2]
    assert '"codes"' not in refused[0][1]
    allowed = row.may | {Scope.NEIGHBOURS}
    assert _asked_about(service, row, "kept", allowed)[0] < 300
    assert _asked_about(service, row, "n0", allowed) != _asked_about(service, row, "kept", allowed)


def test_every_route_with_the_id_of_a_note_is_in_the_test_above(service: Service) -> None:
    """A new one needs a row in STORED."""
    document = service.app.openapi()
    naming = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if _names_note(operation.get("parameters", []), document) or _names_note(operation.get("requestBody"), document)
    }
    rows = {(row.method, row.template) for row in STORED} | WRITES_NOTES
    assert {(method, path.replace("{note_id}", "{note_id:path}")) for method, path in naming} == rows


def _names_note(part: Any, document: dict[str, Any]) -> bool:
    """Whether a part of the OpenAPI document has a field or parameter note_id."""
    if isinstance(part, list):
        return any(_names_note(each, document) for each in part)
    if not isinstance(part, dict):
        return False
    if "note_id" in part.get("properties", {}) or part.get("name") == "note_id":
        return True
    if "$ref" in part:
        return _names_note(document["components"]["schemas"][part["$ref"].rpartition("/")[2]], document)
    return any(_names_note(each, document) for key, each in part.items() if key != "examples")


def _asked_about(service: Service, row: Row, note_id: str, scopes: frozenset[Scope]) -> tuple[int, str]:
    """Status and body without what differs from request to request."""
    token_of = token(scope=" ".join(sorted(scopes)))
    body = row.body and json.loads(json.dumps(row.body).replace("NOTE", note_id))
    path = (row.path or row.template).replace("NOTE", note_id)
    answer = service.client.request(row.method, path, json=body, headers=bearer(token_of))
    return answer.status_code, re.sub(r'"(request_id|instance)":"[^"]*"', "", answer.text)


def _of_another_note(path: str, body: dict[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """The second admin cannot store or delete what the first one has."""
    return path.replace("/n2", "/n3"), body and ({**body, "note_id": "m2"} if "note_id" in body else body)


def _handed_in(service: Service, kind: str) -> Any:
    """The answer to a job of one note with a key that was not used before."""
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": uuid4().hex, **bearer(service.keys[kind])}
    return service.client.post("/v1/jobs", content=b'{"id": "a", "text": "hypertension"}', headers=headers)


def _job(service: Service, kind: str) -> str:
    """The id of a job that has ended: of the caller where he may hand one in; of none for who is refused."""
    if kind.removeprefix(TOKEN) not in JOBS:
        return "0" * 32
    owner = kind if kind.removeprefix(TOKEN) == Scope.PREDICT else Scope.PREDICT.value
    job_id: str = _handed_in(service, owner).json()["job_id"]
    ended(service.client, job_id, headers=bearer(service.keys[owner]))
    return job_id


def _slug(answer: Any, method: str) -> str | None:
    if answer.status_code < 400 or method == "HEAD":
        return None
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Zzyzxcanary" not in answer.text
    return str(answer.json()["type"]).rpartition(":")[2]
