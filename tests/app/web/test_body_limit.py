"""Bodies that come slowly or under a wrong name."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse

from app.access.caller import Caller
from app.access.gate import OpenGate
from app.settings import load_settings
from app.web import body_limit
from app.web.application import create_app
from app.web.body_limit import BodyLimit
from app.wire import FHIR_JSON
from icd_coder_client.connection import JSON_LINES
from tests.app.answers import NOTE, problem
from tests.app.fakes import FakeCoder


def test_a_slow_body_is_refused_and_the_connection_closed() -> None:
    """A client that stops in the middle holds nothing for longer than body_seconds."""
    sent: list[dict[str, Any]] = []

    async def never(*_: object) -> None:
        pytest.fail("the application must not see half a body")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    limit = BodyLimit(never, max_body_bytes=1_000_000, seconds=0.1, max_depth=20)
    asyncio.run(limit({"type": "http", "headers": [], "method": "POST"}, receive, send))
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"slow-body" in sent[1]["body"]


def test_slow_bodies_of_one_key_leave_places_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the requests in progress may wait for them, half for those of all keys; prompt ones do not count."""
    monkeypatch.setattr(body_limit, "PROMPT_SECONDS", 0.05)
    statuses: Counter[tuple[str, int]] = Counter()

    async def ask(limit: BodyLimit, who: str, seconds: float) -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(seconds)
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                statuses[who, message["status"]] += 1

        caller = Caller(who, frozenset(), who)
        await limit({"type": "http", "headers": [], "method": "POST", "state": {"caller": caller}}, receive, send)

    async def everybody() -> None:
        limit = BodyLimit(PlainTextResponse("read"), max_body_bytes=9, seconds=9, max_depth=9, max_requests=8)
        slow = [ask(limit, who, 0.4) for who in ("a", "b", "c") for _ in range(3)]
        await asyncio.gather(*slow, ask(limit, "a", 0))
        assert statuses["a", 429] == statuses["b", 429] == 1
        assert statuses["c", 503] + statuses["c", 429] == 3
        assert (statuses["a", 200], statuses["b", 200]) == (3, 2)
        await ask(limit, "c", 0.1)
        assert statuses["c", 200] == 1

    asyncio.run(everybody())


def test_the_answer_stops_when_the_client_goes_away() -> None:
    """So its note is not coded in vain; a client that stays gets the whole answer."""
    ended: list[str] = []

    async def slow(_scope: Any, _receive: Any, _send: Any) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("stopped")

    messages = iter(
        [{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}],
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(_message: Any) -> None:
        pytest.fail("the client has disconnected")

    limit = BodyLimit(slow, max_body_bytes=100, seconds=5, max_depth=20)
    asyncio.run(asyncio.wait_for(limit({"type": "http", "headers": [], "method": "POST"}, receive, send), 5))
    assert ended == ["stopped"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_of_another_content_type_names_the_header(client: TestClient, content_type: str | None) -> None:
    """What `curl -d` sends without a header."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post("/v1/predict", content=f'{{"text": "{NOTE}"}}'.encode(), headers=headers)
    assert problem(answer) == (415, "wrong-content-type")
    assert "Content-Type: application/json" in answer.json()["detail"]


BODY_ROUTES = [
    "/v1/predict",
    "/v1/predict/batch",
    "/v1/neighbours",
    "/v1/audit",
    "/v1/notes",
    "/v1/reviews",
    "/v1/jobs",
    "/v1/bundles",
    "/v1/bundles/load",
]


@pytest.mark.parametrize("kind", ["application/json", FHIR_JSON, JSON_LINES])
@pytest.mark.parametrize("named", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "identity, GZIP"}, {}])
def test_a_compressed_body_names_the_header(client: TestClient, kind: str, named: dict[str, str]) -> None:
    """On every route, also where the client forgot the header; the answer says what would be read."""
    body = gzip.compress(f'{{"text": "{NOTE}"}}'.encode())
    for route in BODY_ROUTES:
        answer = client.post(route, content=body, headers={"Content-Type": kind, "Idempotency-Key": "a", **named})
        assert problem(answer) == (415, "compressed-body")
        assert "without the header Content-Encoding" in answer.json()["detail"]
        assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("wrong", [b'"k%d":1', b'"k%d":{}', b'"k%d":["a"]'])
def test_a_body_of_many_values_is_refused_before_it_is_parsed(client: TestClient, wrong: bytes) -> None:
    """Naming 100,000 unknown fields held up every other request for 4 seconds."""
    body = b'{"text": "a", ' + b",".join(wrong % number for number in range(100_000)) + b"}"
    started = process_time()
    answer = client.post("/v1/predict", content=body, headers={"Content-Type": "application/json"})
    assert process_time() - started < 0.5
    assert problem(answer) == (422, "body-too-complex")
    assert "more than 50000" in answer.json()["detail"]


def test_of_many_wrong_fields_the_first_are_listed(client: TestClient) -> None:
    """The answer says how many there are."""
    answer = client.post("/v1/predict", json={"text": NOTE} | {f"k{number}": 1 for number in range(1_000)})
    assert problem(answer) == (422, "invalid-request")
    assert len(answer.json()["errors"]) == 100
    assert "the first 100 of 1000" in answer.json()["detail"]


def test_a_long_note_of_commas_and_brackets_is_read(client: TestClient) -> None:
    """In a string they count for nothing."""
    assert client.post("/v1/predict", json={"text": NOTE + ', [ "' * 60_000}).status_code == 200


def test_every_route_with_a_body_is_tried() -> None:
    """Those of OpenAPI that take one."""
    app = create_app(load_settings(), FakeCoder(), OpenGate())
    routes = {path for path, methods in app.openapi()["paths"].items() if "requestBody" in methods.get("post", {})}
    assert routes == set(BODY_ROUTES)


def test_a_body_that_is_sent_as_it_is(client: TestClient) -> None:
    """identity is no compression."""
    headers = {"Content-Encoding": "identity"}
    assert client.post("/v1/predict", json={"text": NOTE}, headers=headers).status_code == 200


def test_a_database_that_comes_back_is_used_again(client: TestClient, indexed: str, tmp_path: Path) -> None:
    """Deleted: 503, and no empty file is made in its place; restored: answers without a restart."""
    database, kept = tmp_path / "notes.sqlite3", tmp_path / "kept.sqlite3"
    body = {"text": NOTE, "neighbours": 2}
    before = client.post("/v1/predict", json=body).json()["neighbours"]
    kept.write_bytes(database.read_bytes())
    database.unlink()
    assert problem(client.post("/v1/predict", json=body)) == (503, "database-unavailable")
    assert client.get("/readyz").status_code == 503
    assert not database.exists()
    database.write_bytes(b"no database at all" * 500)
    assert problem(client.post("/v1/predict", json=body)) == (503, "database-unavailable")
    database.write_bytes(kept.read_bytes())
    assert client.post("/v1/predict", json=body).json()["neighbours"] == before
    assert client.get("/readyz").status_code == 200


NO_BODY = [
    ("POST", "/healthz", 405),
    ("GET", "/healthz", 413),
    ("POST", "/docs", 405),
    ("GET", "/openapi.json", 413),
    ("POST", "/readyz", 405),
    ("PUT", "/nowhere", 404),
    ("POST", "/v1/predict/", 404),
    ("GET", "/v1/model", 413),
    ("GET", "/v1/predict", 405),
    ("DELETE", "/v1/notes/n1", 413),
    ("POST", f"/v1/jobs/{'a' * 32}/cancel", 413),
    ("GET", "/metrics", 413),
]


@pytest.mark.parametrize(("method", "path", "status"), NO_BODY)
@pytest.mark.parametrize("length", [(b"content-length", b"1000000"), (b"transfer-encoding", b"chunked")])
def test_no_body_is_read_where_none_is_taken(
    client: TestClient, method: str, path: str, status: int, length: tuple[bytes, bytes]
) -> None:
    """The answer comes before its first byte, with and without a key."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        pytest.fail("the body is not read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), length],
        "client": ("127.0.0.1", 1),
        "state": {},
    }
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == status


def test_every_route_that_reads_its_body_takes_one(client: TestClient) -> None:
    """What the OpenAPI document describes with a body is read; what it describes without is refused."""
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method, described in methods.items():
            answer = client.request(method.upper(), path.replace("{", "").replace("}", ""), content=b"{}")
            is_refused = answer.status_code == 413 and answer.json()["type"].endswith("unwanted-body")
            assert is_refused is ("requestBody" not in described), (method, path)


def test_an_empty_body_is_no_body(client: TestClient) -> None:
    """As many clients send it."""
    assert client.get("/healthz", headers={"Content-Length": "0"}).status_code == 200


def test_two_lengths_of_a_body_close_the_connection(client: TestClient) -> None:
    """Content-Length and Transfer-Encoding together, on every path and without a key."""
    for path in ("/v1/predict", "/healthz", "/nowhere"):
        answer = client.post(path, content=b"{}", headers={"Transfer-Encoding": "chunked", "Content-Length": "2"})
        assert problem(answer) == (400, "two-lengths")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("parameter", ["k%d=1", "%d", "l=%d", ""])
def test_an_address_of_thousands_of_parameters_is_not_parsed(client: TestClient, parameter: str) -> None:
    """Their time grows with the square of their number; 200 are read, and the wrong ones named."""
    named = [parameter % number if parameter else "" for number in range(7_000)]
    answer = client.get("/v1/codes?" + "&".join(named))
    assert problem(answer) == (422, "too-many-parameters")
    assert client.get("/v1/codes?" + "&".join(named[:100])).status_code in (200, 422)


@pytest.mark.parametrize("large", [(b"content-length", b"10"), (b"transfer-encoding", b"chunked")])
def test_one_key_sends_two_large_files_at_a_time(large: tuple[bytes, bytes]) -> None:
    """The next one is refused before it is read; another key is not, and a file that is answered frees its place."""
    told: list[int] = []

    async def scenario() -> None:
        more = asyncio.Event()

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 201, "headers": []})

        async def body() -> AsyncIterator[dict[str, Any]]:
            await more.wait()
            yield {"type": "http.request", "body": b"", "more_body": False}
            await asyncio.Event().wait()  # the client stays

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.append(message["status"])

        limit = BodyLimit(app, max_body_bytes=9, seconds=9, max_depth=9, max_job_bytes=99, max_uploads_by_key=2)

        def upload(who: str) -> asyncio.Future[None]:
            caller = {"caller": Caller(who, frozenset(), who)}
            scope = {"type": "http", "headers": [large], "method": "POST", "path": "/v1/jobs", "state": caller}
            return asyncio.ensure_future(limit(scope, body().__anext__, send))

        first = [upload(who) for who in ("a", "a", "b", "a")]
        for _ in range(20):
            await asyncio.sleep(0)
        assert told == [429]
        more.set()
        await asyncio.gather(*first)
        await upload("a")

    asyncio.run(scenario())
    assert told == [429, 201, 201, 201, 201]
