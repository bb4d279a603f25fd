"""Jobs as a client sees them: handed in, followed, cancelled, deleted, and their results."""

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.access.gate import OpenGate
from app.access.scopes import Scope
from app.database.engine import open_engine
from app.database.tables import JobItem
from app.jobs import service
from app.settings import load_settings
from app.web import job_events as events
from app.web.application import create_app
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.access_log.rows import logged
from tests.app.answers import problem, wait_until_ready
from tests.app.fakes import FakeCoder
from tests.app.jobs.job_files import SENT, ended, job_file, result_lines, submit
from tests.canary import CANARY

BODY = job_file(9)


@pytest.fixture(autouse=True)
def quick_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look for changes more often than users need."""
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)


def stored_requests(url: str) -> list[str | None]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(select(JobItem.request).order_by(JobItem.id)))
    engine.dispose()
    return found


def test_a_job_is_coded_and_every_item_has_its_result(client: TestClient, indexed: str, coder: FakeCoder) -> None:
    """In the order of the file, each an answer or a problem; what was sent is erased."""
    answer = submit(client, BODY)
    assert answer.status_code == 201
    job = answer.json()
    assert set(job) == {"job_id", "state", "total", "done", "failed", "created_at", "who"}
    assert (job["state"], job["total"], job["done"], job["who"]) == ("queued", 9, 0, "no-auth")
    assert answer.headers["location"] == f"/v1/jobs/{job['job_id']}"
    status = ended(client, job["job_id"])
    assert (status["state"], status["done"], status["failed"]) == ("done", 9, 1)
    found = result_lines(client, job["job_id"])
    assert [(each["line"], each["id"]) for each in found] == [(i + 1, f"note {i}") for i in range(9)]
    failed = found[6]["problem"]
    assert (failed["type"], failed["status"]) == ("urn:icd-coder:problem:invalid-option", 422)
    assert [code["code"] for code in found[0]["answer"]["codes"] if code["selected"]] == ["401.9"]
    assert stored_requests(indexed) == [None] * 9
    assert coder.texts.count(json.loads(BODY.splitlines()[0])["text"]) == 1


def test_an_answer_is_that_of_predict_without_words(client: TestClient) -> None:
    """Evidence is offsets only, and there are no similar notes."""
    line = {"id": "a", "text": f"Old hypertension and diabetes. {CANARY}", "top_k": 2, "minimum_probability": 0.1}
    job = submit(client, json.dumps(line).encode()).json()
    ended(client, job["job_id"])
    (result,) = result_lines(client, job["job_id"])
    asked = {name: value for name, value in line.items() if name != "id"}
    expected = client.post("/v1/predict", json={**asked, "neighbours": 0}).json()
    for code in expected["codes"]:
        for span in code["evidence"]:
            assert line["text"][span["start"] : span["end"]]
            span["text"] = ""
            del span["section"]
    assert result == {"line": 1, "id": "a", "answer": {**expected, "timings_ms": {}}}
    assert CANARY not in json.dumps(result)


def test_the_same_key_finds_the_same_job(client: TestClient) -> None:
    """By the same body; another body is a conflict that names the job, and another key another job."""
    first = submit(client, BODY).json()
    ended(client, first["job_id"])
    again = submit(client, BODY)
    assert again.status_code == 200
    assert (again.json()["job_id"], again.json()["state"]) == (first["job_id"], "done")
    refused = submit(client, job_file(2))
    assert problem(refused) == (409, "key-used-before")
    assert first["job_id"] in refused.json()["detail"]
    assert problem(submit(client, b"{", "k1")) == (409, "key-used-before")
    assert submit(client, BODY, "k2").json()["job_id"] != first["job_id"]


def test_fifty_submissions_at_once_are_one_job(indexed: str, coder: FakeCoder) -> None:
    """One of them made it; and the key still means it after a restart, with this body and with no other."""
    together = threading.Barrier(50)
    found: list[tuple[int, str]] = []

    def send() -> None:
        together.wait(30)
        while (answer := submit(client, BODY)).status_code == 503:
            pass  # a busy machine: the database was locked for longer than a request waits, and says to try again
        found.append((answer.status_code, answer.json()["job_id"]))

    settings = load_settings(database=indexed, max_waiting=64)
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        threads = [threading.Thread(target=send) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for status, _ in found) == [200] * 49 + [201]
        assert len({job_id for _, job_id in found}) == 1
        assert len(client.get("/v1/jobs").json()["jobs"]) == 1
    with TestClient(create_app(settings, coder, OpenGate())) as client:
        assert submit(client, BODY).json()["job_id"] == found[0][1]
        assert problem(submit(client, job_file(3))) == (409, "key-used-before")


BROKEN = [
    (b"", "invalid-option", "no note"),
    (BODY + b"\n{", "invalid-line", "line 10 is no JSON object"),
    (BODY + b'\n{"id": "x"}', "invalid-line", "line 10, text cannot be used (Field required)"),
    (BODY + b"\n" + BODY.splitlines()[2], "invalid-line", "line 10, id is that of line 3 too"),
]
"""A file, the slug of its problem, and what that says."""


def test_a_broken_file_is_refused_whole(client: TestClient) -> None:
    """By a problem that names the line; nothing is stored, and the key is not used up."""
    for body, slug, words in BROKEN:
        refused = submit(client, body)
        assert problem(refused) == (422, slug)
        assert words in refused.json()["detail"]
        if slug == "invalid-line":
            assert words.startswith(refused.json()["errors"][0]["field"])
    assert client.get("/v1/jobs").json() == {"jobs": []}
    assert submit(client, BODY).status_code == 201


def test_a_file_needs_its_headers(client: TestClient) -> None:
    """The content type and the key."""
    for kind in ("application/json", ""):
        assert problem(submit(client, BODY, headers={"Content-Type": kind})) == (415, "wrong-content-type")
    for key in ("", "two words", "x" * 201):
        assert problem(submit(client, BODY, key)) == (422, "invalid-request")


def test_a_file_without_a_key_is_refused_by_the_header(client: TestClient) -> None:
    """That is missing."""
    refused = client.post("/v1/jobs", content=BODY, headers=SENT)
    assert problem(refused) == (422, "invalid-request")
    assert refused.json()["errors"] == [{"field": "header.Idempotency-Key", "problem": "Field required"}]


def test_a_file_has_limits_of_its_own(indexed: str, coder: FakeCoder) -> None:
    """It may be larger than other bodies and nested deeper; unfinished jobs are counted."""
    limits = {"max_body_bytes": 100, "max_job_bytes": len(BODY), "max_job_items": 9, "max_jobs": 1, "max_depth": 1}
    with TestClient(create_app(load_settings(database=indexed, **limits), coder, OpenGate())) as client:
        coder.gate.clear()
        try:
            assert submit(client, BODY).status_code == 201
            assert problem(submit(client, BODY + b"\n")) == (413, "body-too-large")
            assert problem(submit(client, b'{"id": "a", "text": "x"}', "k2")) == (429, "too-many-jobs")
            assert problem(submit(client, b'{"id":"a","text":"x"}\n' * 10, "k3"))[1] == "invalid-option"
            assert problem(client.post("/v1/predict", json={"text": "x" * 200})) == (413, "body-too-large")
        finally:
            coder.gate.set()


def test_a_note_goes_before_the_notes_of_a_job(client: TestClient, coder: FakeCoder) -> None:
    """It waits only for the note being coded."""
    wait_until_ready(client, coder)
    coder.texts.clear()
    coder.gate.clear()
    submit(client, job_file(4))
    assert coder.entered.acquire(timeout=10)
    quick = threading.Thread(target=client.post, args=("/v1/predict",), kwargs={"json": {"text": "sent meanwhile"}})
    quick.start()
    try:
        while client.app.state.active_bundle.now.coding.inference.waiting == 0:  # type: ignore[attr-defined]
            continue
    finally:
        coder.gate.set()
    quick.join(30)
    assert coder.texts.index("sent meanwhile") == 1


def test_a_cancelled_job_keeps_what_was_coded_and_forgets_the_rest(
    client: TestClient, coder: FakeCoder, indexed: str
) -> None:
    """Cancelling twice changes nothing, and the answer of the note at work is dropped."""
    wait_until_ready(client, coder)
    coder.gate.clear()
    job = submit(client, job_file(4)).json()["job_id"]
    assert coder.entered.acquire(timeout=10)
    try:
        stopped = client.post(f"/v1/jobs/{job}/cancel")
        assert (stopped.status_code, stopped.json()["state"]) == (200, "cancelled")
        assert stored_requests(indexed) == [None] * 4
        assert client.post(f"/v1/jobs/{job}/cancel").json() == stopped.json()
    finally:
        coder.gate.set()
    other = submit(client, job_file(2), "k2").json()["job_id"]
    assert ended(client, other)["done"] == 2
    assert result_lines(client, job) == []
    assert client.get(f"/v1/jobs/{job}").json() == stopped.json()
    actions = [action for _, action, _, _ in logged(open_engine(indexed))]
    assert actions.count("POST /v1/jobs/{job_id}/cancel") == 1


def test_a_deleted_job_is_gone_with_its_results(client: TestClient, indexed: str) -> None:
    """Its key is free again; nothing of it is in the database, and the log remembers that it was there."""
    job = submit(client, BODY).json()["job_id"]
    ended(client, job)
    assert client.delete(f"/v1/jobs/{job}").json() == {"job_id": job, "results": 9}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/results"), ("GET", "/events"), ("POST", "/cancel")):
        assert problem(client.request(method, f"/v1/jobs/{job}{path}")) == (404, "unknown-job")
    assert stored_requests(indexed) == []
    assert submit(client, BODY).json()["job_id"] != job
    assert ("no-auth", "DELETE /v1/jobs/{job_id}", json.dumps([job]), 200) in logged(open_engine(indexed))


def test_everything_is_logged_by_the_jobs_id(client: TestClient, indexed: str) -> None:
    """Handing in, each item with the status of its answer, and that results were read; never an id of the caller's."""
    job = submit(client, BODY).json()["job_id"]
    ended(client, job)
    result_lines(client, job)
    rows = [row for row in logged(open_engine(indexed)) if "job" in row[1]]
    items = [("no-auth", "job item", json.dumps([f"{job}/{i + 1}"]), 422 if i == 6 else 200) for i in range(9)]
    expected = [("no-auth", "POST /v1/jobs", json.dumps([job]), 201), *items]
    assert rows == [*expected, ("no-auth", "GET /v1/jobs/{job_id}/results", json.dumps([job]), 200)]


def test_events_tell_the_status_until_the_end(client: TestClient, coder: FakeCoder) -> None:
    """The first at once, the last named end; an ended job has one event."""
    wait_until_ready(client, coder)
    coder.gate.clear()
    job = submit(client, job_file(3)).json()["job_id"]
    assert coder.entered.acquire(timeout=10)
    threading.Timer(0.1, coder.gate.set).start()
    told = read_events(client, job)
    assert [name for name, _ in told] == ["progress"] * (len(told) - 1) + ["end"]
    assert told[0][1]["done"] == 0
    done = [status["done"] for _, status in told]
    assert done == sorted(set(done))
    assert told[-1][1] == client.get(f"/v1/jobs/{job}").json()
    assert read_events(client, job) == told[-1:]


def read_events(client: TestClient, job: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and status of each event of a stream."""
    answer = client.get(f"/v1/jobs/{job}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        status = json.loads(fields["data"])
        found.append((fields["event"], {name: value for name, value in status.items() if value is not None}))
    return found


def test_streams_of_events_are_counted(client: TestClient) -> None:
    """Those that end free their places; results are streams too."""
    job = submit(client, BODY).json()["job_id"]
    ended(client, job)
    for _ in range(6):
        assert len(read_events(client, job)) == 1
        assert client.get(f"/v1/jobs/{job}/results").status_code == 200
    streams = client.app.state.active_bundle.now.streams  # type: ignore[attr-defined]
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(streams.hold("no-auth"))
        assert problem(client.get(f"/v1/jobs/{job}/events")) == (429, "rate-limited")
        assert problem(client.get(f"/v1/jobs/{job}/results")) == (429, "rate-limited")
        assert problem(client.get("/v1/reviews/export")) == (429, "rate-limited")
    assert len(read_events(client, job)) == 1


def test_results_as_a_table(client: TestClient) -> None:
    """A row a code, a row for a failed note, and one for a note without a code."""
    lines = [
        {"id": "a", "text": f"hypertension, diabetes {CANARY}", "minimum_probability": 0.5},
        {"id": 'odd, "b"', "text": f"nothing {CANARY}", "minimum_probability": 0.5},
        {"id": "c", "text": f"angioplasty {CANARY}", "policy": "none such"},
    ]
    job = submit(client, "\n".join(map(json.dumps, lines)).encode()).json()["job_id"]
    ended(client, job)
    answer = client.get(f"/v1/jobs/{job}/results", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    rows = list(csv.DictReader(StringIO(answer.text)))
    shown = [(row["line"], row["id"], row["rank"], row["code"], row["evidence"], row["problem"]) for row in rows]
    assert shown == [
        ("1", "a", "1", "250.00", "14-22", ""),
        ("1", "a", "2", "401.9", "0-12", ""),
        ("2", 'odd, "b"', "", "", "", ""),
        ("3", "c", "", "", "", "invalid-option"),
    ]


def test_many_results_come_in_pages(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one, and all in their order."""
    monkeypatch.setattr(service, "PAGE", 2)
    body = b"\n".join(json.dumps({"id": f"n{i}", "text": f"{i} {CANARY}"}).encode() for i in range(5))
    job = submit(client, body).json()["job_id"]
    ended(client, job)
    assert [each["id"] for each in result_lines(client, job)] == [f"n{i}" for i in range(5)]


def test_jobs_are_listed_the_latest_first(client: TestClient) -> None:
    """Page by page."""
    made = [submit(client, job_file(1), f"k{i}").json()["job_id"] for i in range(5)]
    first = client.get("/v1/jobs", params={"limit": 3}).json()
    assert [job["job_id"] for job in first["jobs"]] == made[:1:-1]
    second = client.get("/v1/jobs", params={"limit": 3, "before": first["next_before"]}).json()
    assert [job["job_id"] for job in second["jobs"]] == made[1::-1]
    assert "next_before" not in second


def test_what_is_no_id_is_refused(client: TestClient) -> None:
    """Before the database is asked."""
    for job_id in ("0" * 31, "G" * 32, CANARY, "%00" * 32):
        assert problem(client.get(f"/v1/jobs/{job_id}")) == (422, "invalid-request")


def test_without_a_database_there_are_no_jobs(coder: FakeCoder) -> None:
    """And the answer says how to have some."""
    with TestClient(create_app(load_settings(), coder, OpenGate())) as client:
        assert problem(submit(client, BODY)) == (409, "no-database")
        assert problem(client.get("/v1/jobs")) == (409, "no-database")


@pytest.fixture
def keyed(tmp_path: Path, coder: FakeCoder) -> Iterator[tuple[TestClient, dict[str, dict[str, str]]]]:
    """A service behind keys, and the headers of three callers."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    callers = {
        "one": bearer(make_key(gate, Scope.PREDICT)),
        "two": bearer(make_key(gate, Scope.PREDICT)),
        "admin": bearer(make_key(gate, Scope.ADMIN)),
    }
    with TestClient(app) as client:
        yield client, callers


def test_a_caller_sees_his_own_jobs_and_an_admin_all(
    keyed: tuple[TestClient, dict[str, dict[str, str]]],
) -> None:
    """Another's job is as unknown as none; an Idempotency-Key is each caller's own."""
    client, callers = keyed
    jobs = {name: submit(client, BODY, headers=callers[name]).json()["job_id"] for name in ("one", "two")}
    assert jobs["one"] != jobs["two"]
    for name, other in (("one", "two"), ("two", "one")):
        listed = client.get("/v1/jobs", headers=callers[name]).json()["jobs"]
        assert [job["job_id"] for job in listed] == [jobs[name]]
        assert problem(client.get(f"/v1/jobs/{jobs[other]}", headers=callers[name])) == (404, "unknown-job")
        assert problem(client.delete(f"/v1/jobs/{jobs[other]}", headers=callers[name])) == (404, "unknown-job")
    assert problem(submit(client, BODY, headers=callers["admin"])) == (403, "missing-scope")
    listed = client.get("/v1/jobs", headers=callers["admin"]).json()["jobs"]
    assert {job["job_id"] for job in listed} == set(jobs.values())
    ended(client, jobs["one"], headers=callers["admin"])
    answer = client.get(f"/v1/jobs/{jobs['one']}/results", headers=callers["admin"])
    assert len(answer.text.splitlines()) == 9
    assert client.post(f"/v1/jobs/{jobs['two']}/cancel", headers=callers["admin"]).status_code == 200
