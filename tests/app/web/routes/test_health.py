"""Alive, ready, overloaded: what a probe and a load balancer see."""

import json
import sqlite3
import threading
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.access.scopes import Scope
from app.coding.service import CodingService
from app.errors import DatabaseOutOfStep, DatabaseUnavailable
from app.settings import load_settings
from app.web.application import create_app
from model.errors import EmbeddingMismatch
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.answers import NOTE, problem, wait_until_ready
from tests.app.fakes import CANARY, FakeCoder


def test_a_database_that_goes_away_is_a_503(client: TestClient, indexed: str, logs: StringIO, tmp_path: Path) -> None:
    """For the request and for readiness; the process stays alive."""
    connection = sqlite3.connect(tmp_path / "notes.sqlite3")
    connection.execute("ALTER TABLE embeddings RENAME TO gone")
    connection.close()
    response = client.post("/v1/predict", json={"text": f"{CANARY} hypertension"})
    assert problem(response) == (503, "database-unavailable")
    assert response.headers["retry-after"] == "5"
    assert problem(client.get("/readyz")) == (503, "not-ready")
    assert client.get("/healthz").status_code == 200
    assert CANARY not in response.text + logs.getvalue()


def test_a_locked_database_is_told_by_name_and_reads_go_on(tmp_path: Path, coder: FakeCoder, logs: StringIO) -> None:
    """Another process holds the write lock: codes come, with a key whose use was due; what needs the log does not."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    key = bearer(make_key(gate, Scope.PREDICT))
    with TestClient(app) as client, closing(sqlite3.connect(tmp_path / "notes.sqlite3")) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            assert client.post("/v1/predict", json={"text": NOTE}, headers=key).status_code == 200
        told = client.get("/readyz")
        assert problem(told) == (503, "not-ready")
        assert told.json()["detail"] == "not ready: the database cannot be used (SQLITE_BUSY)"
        other.execute("ROLLBACK")
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    named = [line["event"] for line in lines if line.get("error") == "SQLITE_BUSY"]
    assert named == ["the use of a key cannot be noted", "the database cannot be used"]
    (told_to_operator,) = [line["problem"] for line in lines if "problem" in line]
    assert f"{tmp_path}/notes.sqlite3' is locked by another process: wait" in told_to_operator


PLACE = "'/srv/ward-zzyzx/notes.sqlite3' or coder@db.ward-zzyzx.example"


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable(PLACE, "SQLITE_READONLY"),
        DatabaseUnavailable(PLACE),
        DatabaseOutOfStep(PLACE),
        EmbeddingMismatch(PLACE),
    ],
)
def test_no_answer_tells_where_the_database_is(
    client: TestClient, error: Exception, monkeypatch: pytest.MonkeyPatch, logs: StringIO
) -> None:
    """To no key on any route or in a batch; the log has the whole sentence."""

    async def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(CodingService, "predict", refuse)
    answers = [
        client.post("/v1/predict", json={"text": NOTE}),
        client.post("/v1/predict/batch", json={"items": [{"text": NOTE}]}),
    ]
    assert problem(answers[0])[0] == answers[1].json()["results"][0]["problem"]["status"] == 503
    assert not any("zzyzx" in answer.text for answer in answers)
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    assert PLACE in [line.get("problem") for line in lines]


@pytest.mark.parametrize("path", ["/readyz", "/v1/model", "/v1/notes/n1"])
def test_a_database_that_is_gone_is_told_by_the_name_of_the_error(
    tmp_path: Path, coder: FakeCoder, path: str, logs: StringIO
) -> None:
    """To a stranger on an open path, and where a key cannot be looked up."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    key = bearer(make_key(gate, *Scope))
    with TestClient(app) as client:
        for file in tmp_path.glob("notes.sqlite3*"):
            file.rename(file.with_name(f"away-{file.name}"))
        answer = client.get(path, headers=key)
    assert answer.status_code == 503
    assert "SQLITE_CANTOPEN" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
    assert str(tmp_path) in logs.getvalue()


def test_health_answers_while_a_note_is_coded(client: TestClient, coder: FakeCoder) -> None:
    """The event loop never runs the model."""
    wait_until_ready(client, coder)
    coder.gate.clear()
    answers: list[int] = []
    thread = threading.Thread(
        target=lambda: answers.append(client.post("/v1/predict", json={"text": NOTE}).status_code)
    )
    thread.start()
    assert coder.entered.acquire(timeout=10)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/v1/model").status_code == 200
    assert answers == []
    coder.gate.set()
    thread.join(10)
    assert answers == [200]


def test_ready_only_after_the_warm_up(indexed: str) -> None:
    """Until then 503 says what is missing."""
    coder = FakeCoder()
    coder.gate.clear()
    with TestClient(create_app(load_settings(database=indexed), coder, OpenGate())) as client:
        assert coder.entered.acquire(timeout=10)
        response = client.get("/readyz")
        assert problem(response) == (503, "not-ready")
        assert "warm-up prediction has not finished" in response.json()["detail"]
        assert client.get("/healthz").status_code == 200
        coder.gate.set()
        assert client.post("/v1/predict", json={"text": NOTE}).status_code == 200  # queued behind the warm-up
        assert client.get("/readyz").json() == {"status": "ready"}


def test_a_failed_warm_up_is_told(coder: FakeCoder, logs: StringIO) -> None:
    """By its class, not its message."""
    coder.error = RuntimeError(CANARY)
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        assert client.post("/v1/predict", json={"text": NOTE}).status_code == 500
        detail = client.get("/readyz").json()["detail"]
    assert detail == "not ready: the warm-up prediction failed (RuntimeError)"
    assert CANARY not in logs.getvalue()


def test_a_full_queue_is_a_503_with_retry_after(coder: FakeCoder) -> None:
    """One note at work, one waiting: of three sent behind the closed gate at least one comes back at once."""
    with TestClient(create_app(load_settings(max_waiting=1, retry_after_seconds=7), coder, OpenGate())) as client:
        wait_until_ready(client, coder)
        coder.gate.clear()
        answers: list[Any] = []
        refused = threading.Semaphore(0)

        def send() -> None:
            answers.append(client.post("/v1/predict", json={"text": NOTE}))
            refused.release()

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert refused.acquire(timeout=10)
        coder.gate.set()
        for thread in threads:
            thread.join(10)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[-1] == 503
    overloaded = next(answer for answer in answers if answer.status_code == 503)
    assert problem(overloaded) == (503, "overloaded")
    assert overloaded.headers["retry-after"] == "7"


def test_a_probe_may_ask_by_head(client: TestClient, coder: FakeCoder) -> None:
    """Some load balancers do."""
    wait_until_ready(client, coder)
    for path in ("/healthz", "/readyz"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_while_stopping_only_probes_are_answered(client: TestClient, coder: FakeCoder) -> None:
    """And /readyz says why."""
    wait_until_ready(client, coder)
    client.app.state.active_bundle.now.readiness.stopping = True  # type: ignore[attr-defined]
    refused = client.post("/v1/predict", json={"text": NOTE})
    assert problem(refused) == (503, "overloaded")
    assert refused.headers["retry-after"] == "5"
    assert problem(client.get("/readyz")) == (503, "not-ready")
    assert client.get("/readyz").json()["detail"] == "not ready: the service is stopping"
    assert client.get("/healthz").status_code == 200


def test_a_note_past_its_deadline_is_a_503_with_retry_after(coder: FakeCoder) -> None:
    """With a type of its own."""
    with TestClient(create_app(load_settings(deadline_seconds=1), coder, OpenGate())) as client:
        wait_until_ready(client, coder)
        coder.gate.clear()
        late = client.post("/v1/predict", json={"text": NOTE})
        coder.gate.set()
    assert problem(late) == (503, "out-of-time")
    assert int(late.headers["retry-after"]) >= 5
