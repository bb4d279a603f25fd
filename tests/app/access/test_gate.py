"""The gate over HTTP: headers, revocation at once, rate limits, and nothing read of who is refused."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from app.access.caller import Caller
from app.access.gate import KeyGate, open_gate
from app.access.keys import find_caller, revoke_key
from app.access.rate_limit import RateLimits, StrangerLimits
from app.access.scopes import Scope
from app.errors import RateLimited
from app.settings import load_settings
from app.web.authentication import Authentication
from app.web.authorization import require_declared
from model.errors import InvalidOption
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem
from tests.app.fakes import CANARY, NOTES, FakeCoder

BODY = {"text": "hypertension"}


@pytest.fixture
def keyed(tmp_path: Path, coder: FakeCoder, logs: StringIO) -> Iterator[tuple[TestClient, KeyGate]]:
    """A service that lets three requests a minute in for each key."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder, rate_limit="3/minute")
    with TestClient(app) as client:
        yield client, gate


def test_a_key_is_refused_from_its_revocation_on(keyed: tuple[TestClient, KeyGate]) -> None:
    """Without a restart."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT)
    assert client.get("/v1/model", headers=bearer(key)).status_code == 200
    revoke_key(gate.engine, key.split("_")[1])
    assert problem(client.get("/v1/model", headers=bearer(key))) == (401, "revoked-key")


def test_a_key_of_a_file_is_read_without_a_thread(
    keyed: tuple[TestClient, KeyGate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for its first use in a minute, which is noted."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT)
    assert client.get("/v1/model", headers=bearer(key)).status_code == 200
    monkeypatch.setattr("app.access.gate.find_caller", lambda *_: pytest.fail("a thread was asked"))
    assert client.get("/v1/model", headers=bearer(key)).status_code == 200


def test_a_file_that_is_locked_is_waited_for_in_a_thread(
    keyed: tuple[TestClient, KeyGate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop meets the lock and does not wait; the thread, which would, finds it gone."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT)
    assert client.get("/v1/model", headers=bearer(key)).status_code == 200
    close_all(client, gate)
    with closing(sqlite3.connect(tmp_path / "notes.sqlite3", check_same_thread=False)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        asked = []

        def find_unlocked(*given: Any) -> Caller:
            other.close()
            asked.append(threading.current_thread())
            return find_caller(*given)

        monkeypatch.setattr("app.access.gate.find_caller", find_unlocked)
        assert client.get("/v1/model", headers=bearer(key)).status_code == 200
    assert len(asked) == 1


def close_all(client: TestClient, gate: KeyGate) -> None:
    """No connection to the file is left, so that another process may lock it."""
    assert gate.at_once is not None
    for engine in (gate.engine, gate.at_once, client.app.state.active_bundle.now.index.engine):  # type: ignore[attr-defined]
        engine.dispose()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_changes_no_limit(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """Back, it would keep a key out for an hour; forward, it would let it in at once."""
    limits, strangers = RateLimits("2/minute"), StrangerLimits("2/minute")
    for _ in range(2):
        limits.count("key")
        strangers.count("192.0.2.7")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * hours)
    for refused in (lambda: limits.count("key"), lambda: strangers.count("192.0.2.7")):
        with pytest.raises(RateLimited) as error:
            refused()
        assert 1 <= error.value.retry_after_seconds <= 60


def test_each_key_has_a_rate_of_its_own(keyed: tuple[TestClient, KeyGate]) -> None:
    """429 says when to come again; refused requests and open paths do not count."""
    client, gate = keyed
    first, second = make_key(gate, Scope.PREDICT), make_key(gate, Scope.PREDICT)
    statuses = [client.get("/v1/model", headers=bearer(first)).status_code for _ in range(3)]
    assert statuses == [200] * 3
    limited = client.post("/v1/predict", json=BODY, headers=bearer(first))
    assert problem(limited) == (429, "rate-limited")
    assert "3 requests per minute" in limited.json()["detail"]
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert client.get("/v1/model", headers=bearer(second)).status_code == 200
    assert client.get("/healthz", headers=bearer(first)).status_code == 200


def test_headers_that_are_no_key(keyed: tuple[TestClient, KeyGate]) -> None:
    """Another scheme, two headers, bytes that are no text; a scheme in capitals is one."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT)
    for headers in (
        [("Authorization", f"Basic {key}")],
        [("Authorization", key)],
        [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")],
        [("Authorization", b"Bearer \xff\xfe")],
        [("Authorization", "")],
    ):
        assert problem(client.get("/v1/model", headers=headers)) == (401, "wrong-key")
    assert client.get("/v1/model", headers={"Authorization": f"BEARER  {key}"}).status_code == 200
    assert problem(client.get(f"/v1/model?access_token={key}")) == (401, "missing-key")


def test_the_challenge_says_what_is_missing(keyed: tuple[TestClient, KeyGate]) -> None:
    """As RFC 6750 has it."""
    client, gate = keyed
    challenge = "www-authenticate"
    assert client.get("/v1/model").headers[challenge] == 'Bearer realm="icd-coder"'
    wrong = client.get("/v1/model", headers=bearer("x"))
    assert wrong.headers[challenge] == 'Bearer realm="icd-coder", error="invalid_token"'
    narrow = client.post("/v1/predict", json=BODY, headers=bearer(make_key(gate, Scope.TEXT)))
    assert narrow.headers[challenge] == 'Bearer realm="icd-coder", error="insufficient_scope", scope="predict"'


def test_the_body_of_a_refused_request_is_not_read() -> None:
    """Not a byte: who has no key costs nothing."""
    gate = open_refusing_gate()
    sent: list[dict[str, Any]] = []

    async def never(*_: object) -> Any:
        pytest.fail("nothing is read or answered behind the gate")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/predict", "method": "POST", "headers": [(b"content-length", b"9999999")]}
    asyncio.run(Authentication(never, gate, 5)(scope, never, send))
    assert sent[0]["status"] == 401


def open_refusing_gate() -> KeyGate:
    """A gate that is never asked for its database: the request has no key."""
    return KeyGate(None, b"", RateLimits("none"), StrangerLimits("none"))  # type: ignore[arg-type]


def test_who_is_logged_by_id_and_no_key_is(keyed: tuple[TestClient, KeyGate], logs: StringIO) -> None:
    """In the request's line, and in the access log with the note."""
    client, gate = keyed
    key = make_key(gate, Scope.NEIGHBOURS)
    client.post("/v1/neighbours", json={"text": NOTES[2].text, "neighbours": 1}, headers=bearer(key))
    client.get("/v1/model", headers=bearer(f"{CANARY}"))
    lines = [json.loads(line) for line in logs.getvalue().splitlines() if '"request"' in line]
    assert [line["who"] for line in lines] == [key.split("_")[1], "nobody"]
    assert key[21:] not in logs.getvalue()
    assert CANARY not in logs.getvalue()
    assert logged(gate.engine)[-1] == (key.split("_")[1], "POST /v1/neighbours", '["n3"]', 200)


def test_keys_that_cannot_be_read_are_a_503(keyed: tuple[TestClient, KeyGate], tmp_path: Path) -> None:
    """Neither let in nor called wrong, nor told which database it is."""
    client, gate = keyed
    key = make_key(gate, Scope.PREDICT)
    (tmp_path / "notes.sqlite3").rename(tmp_path / "away.sqlite3")
    answer = client.get("/v1/model", headers=bearer(key))
    assert problem(answer) == (503, "database-unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "sqlite" not in answer.text


def test_a_route_without_a_scope_stops_the_start() -> None:
    """Deny by default, said at once."""
    router = APIRouter(prefix="/v1")

    @router.get("/forgotten")
    async def forgotten() -> None:
        """A route of a later day."""

    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(router)
    with pytest.raises(RuntimeError, match="the route /v1/forgotten declares no scope"):
        require_declared(app)


@pytest.mark.parametrize("limit", ["", "many", "0/minute", "10", "10/fortnight", "-1/second"])
def test_a_limit_that_is_none_is_named(url: str, limit: str) -> None:
    """At the start."""
    with pytest.raises(InvalidOption, match="ICD_CODER_RATE_LIMIT cannot be used"):
        open_gate(load_settings(database=url, rate_limit=limit), no_auth=False)


def test_a_batch_counts_its_notes(keyed: tuple[TestClient, KeyGate], coder: FakeCoder) -> None:
    """One that has no room in the limit is not coded at all; one that never has is no question of time."""
    client, gate = keyed
    first, second = make_key(gate, Scope.PREDICT), make_key(gate, Scope.PREDICT)
    path = "/v1/predict/batch"
    assert client.post(path, json={"items": [BODY] * 2}, headers=bearer(first)).status_code == 200
    coded = len(coder.texts)
    limited = client.post(path, json={"items": [BODY] * 2}, headers=bearer(first))
    assert problem(limited) == (429, "rate-limited")
    assert int(limited.headers["retry-after"]) >= 1
    assert problem(client.post(path, json={"items": [BODY] * 4}, headers=bearer(second))) == (422, "invalid-option")
    assert len(coder.texts) == coded
    assert client.get("/v1/model", headers=bearer(second)).status_code == 200


def test_strangers_are_limited_by_address_and_keys_are_let_in(tmp_path: Path, coder: FakeCoder) -> None:
    """Without a key, with a wrong one, with one that was revoked; open paths and other addresses do not count."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder, stranger_limit="3/minute")
    key = make_key(gate, Scope.PREDICT)
    other = TestClient(app, client=("192.0.2.2", 1))
    with TestClient(app, client=("192.0.2.1", 1)) as client:
        refused = [client.get("/v1/model", headers=headers) for headers in ({}, bearer("wrong"), {})]
        assert [answer.status_code for answer in refused] == [401] * 3
        limited = client.get("/v1/model", headers=bearer("wrong"))
        assert problem(limited) == (429, "rate-limited")
        assert "without a valid access key" in limited.json()["detail"]
        assert 1 <= int(limited.headers["retry-after"]) <= 60
        assert client.get("/v1/model", headers=bearer(key)).status_code == 200
        assert client.get("/healthz").status_code == 200
        assert problem(other.get("/v1/model")) == (401, "missing-key")


def test_strangers_cost_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses; an IPv6 network of one customer is one address."""
    monkeypatch.setattr("app.access.rate_limit.BUCKETS", 8)
    limits = StrangerLimits("1000000/hour")
    for number in range(200):
        limits.count(f"198.51.100.{number}")
    assert len(limits._limiter.storage.storage) <= 8
    monkeypatch.undo()
    limits = StrangerLimits("2/hour")
    for address in ("2001:db8::1", "2001:db8::ffff:2"):
        limits.count(address)
    with pytest.raises(RateLimited, match="this address has had its 2 requests per hour"):
        limits.count("2001:db8:0:0:1::3")


@pytest.mark.parametrize("limit", ["", "many"])
def test_a_limit_of_strangers_that_is_none_is_named(url: str, limit: str) -> None:
    """At the start."""
    with pytest.raises(InvalidOption, match="ICD_CODER_STRANGER_LIMIT cannot be used"):
        open_gate(load_settings(database=url, stranger_limit=limit), no_auth=False)


def test_several_limits_hold_together() -> None:
    """The narrower one says how long to wait; no limit is none."""
    limits = RateLimits("2/hour;5/day")
    for _ in range(2):
        limits.count("a")
    with pytest.raises(RateLimited, match="2 requests per hour") as caught:
        limits.count("a")
    assert 3500 < caught.value.retry_after_seconds <= 3600
    limits.count("b")
    unlimited = RateLimits("none")
    for _ in range(1000):
        unlimited.count("a")


def test_old_counters_are_removed_by_a_timer_that_seldom_runs_and_ends_with_the_process() -> None:
    before = set(threading.enumerate())
    limits = RateLimits("100000/minute")
    for number in range(10):
        limits.count(f"key {number}")
    (timer,) = set(threading.enumerate()) - before
    assert isinstance(timer, threading.Timer)
    assert timer.interval >= 1.0
    assert timer.daemon
