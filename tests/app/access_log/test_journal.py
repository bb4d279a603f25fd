"""The log and its effect are one: both are there or neither, and no answer leaves without its row."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, text

from app.access.gate import OpenGate
from app.access_log.verification import verify_chain
from app.database.engine import open_engine, write
from app.database.tables import AccessLogRow, Coding, Note
from app.errors import DatabaseUnavailable
from app.notes.service import delete_note
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access_log.rows import deletion_of, logged
from tests.app.answers import problem
from tests.app.fakes import FakeCoder

INDEXED = ("command-line", "index", '["n1","n2","n3"]', None)


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


@pytest.fixture
def engine(indexed: str) -> Engine:
    return open_engine(indexed)


@pytest.fixture
def recording(indexed: str, coder: FakeCoder) -> Iterator[TestClient]:
    """The service, keeping what it suggests."""
    with TestClient(create_app(load_settings(database=indexed, record_codings=True), coder, OpenGate())) as client:
        yield client


def test_a_request_that_reads_notes_leaves_a_row(client: TestClient, engine: Engine) -> None:
    """With its request's id, the note that it asked about and those that it was shown."""
    response = client.post("/v1/neighbours", json={"note_id": "n1", "neighbours": 1})
    client.post("/v1/predict", json={"text": "angioplasty", "neighbours": 2, "subject_id": "p2"})
    assert logged(engine) == [
        INDEXED,
        ("no-auth", "POST /v1/neighbours", '["n1","n3"]', 200),
        ("no-auth", "POST /v1/predict", json.dumps(["n1", "n2"], separators=(",", ":")), 200),
    ]
    with engine.connect() as connection:
        ids = connection.scalars(select(AccessLogRow.request_id).order_by(AccessLogRow.sequence)).all()
    assert ids[1] == response.headers["x-request-id"]
    assert verify_chain(engine).sequence == 3


def test_a_request_that_meets_no_note_leaves_none(client: TestClient, engine: Engine) -> None:
    """Nor does one that was refused."""
    assert client.post("/v1/predict", json={"text": "angioplasty", "neighbours": 0}).status_code == 200
    assert client.post("/v1/predict", json={"note_id": "absent"}).status_code == 404
    assert client.get("/v1/model").status_code == 200
    assert logged(engine) == [INDEXED]


def test_a_recorded_prediction_is_one_row(recording: TestClient, engine: Engine) -> None:
    """For the coding and the neighbours together."""
    assert recording.post("/v1/predict", json={"note_id": "n3", "neighbours": 1}).status_code == 200
    assert [row[1:] for row in logged(engine)[1:]] == [("POST /v1/predict", '["n3","n1"]', 200)]


@pytest.mark.parametrize("route", ["predict", "neighbours"])
def test_without_its_row_there_is_neither_answer_nor_effect(recording: TestClient, engine: Engine, route: str) -> None:
    """The log cannot be written: 503, and no coding."""
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE access_log RENAME TO elsewhere"))
    answer = recording.post(f"/v1/{route}", json={"note_id": "n3"})
    assert problem(answer) == (503, "database-unavailable")
    assert answer.headers["retry-after"] == "5"
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Coding)) == 0


def test_without_its_effect_there_is_no_row(
    recording: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The coding cannot be kept."""
    monkeypatch.setattr(
        "app.coding.recording.insert", lambda table: (_ for _ in ()).throw(RuntimeError("no room for Testperson"))
    )
    assert recording.post("/v1/predict", json={"note_id": "n3"}).status_code == 500
    assert logged(engine) == [INDEXED]


def test_a_deletion_is_logged_with_it(engine: Engine) -> None:
    """The id stays in the log; without its row the note stays too."""
    delete_note(engine, "n2", deletion_of("n2"))
    assert logged(engine)[1:] == [("0123456789abcdef", "DELETE /v1/notes/{note_id}", '["n2"]', 200)]
    with write(engine) as connection:
        connection.execute(text("ALTER TABLE access_log RENAME TO elsewhere"))
    with pytest.raises(DatabaseUnavailable):
        delete_note(engine, "n1", deletion_of("n1"))
    with engine.connect() as connection:
        assert connection.scalars(select(Note.note_id).order_by(Note.id)).all() == ["n1", "n3"]
