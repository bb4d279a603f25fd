"""Codings are kept only when the operator asks, only for stored notes, and go with their note."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.access.gate import OpenGate
from app.coding.recording import record_coding
from app.database.engine import open_engine, write
from app.database.tables import Coding, RankedCode
from app.errors import UnknownNote
from app.notes.service import delete_note
from app.settings import load_settings
from app.web.application import create_app
from model.errors import InvalidOption
from tests.app.access_log.rows import deletion_of
from tests.app.fakes import FakeCoder


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


@pytest.fixture
def kept(indexed: str) -> Callable[[], list[tuple[object, ...]]]:
    """What the database holds of codings."""

    def read() -> list[tuple[object, ...]]:
        engine = open_engine(indexed)
        with engine.connect() as connection:
            query = select(Coding.bundle_id, RankedCode.rank, RankedCode.code, RankedCode.selected)
            rows = connection.execute(query.join(RankedCode).order_by(Coding.id, RankedCode.rank)).all()
        return [tuple(row) for row in rows]

    return read


def test_a_stored_notes_coding_is_kept_and_goes_with_it(
    indexed: str, coder: FakeCoder, kept: Callable[[], list[tuple[object, ...]]]
) -> None:
    """By a bundle that has not indexed itself; a text alone leaves nothing."""
    coder.bundle_id = "c" * 64
    with TestClient(create_app(load_settings(database=indexed, record_codings=True), coder, OpenGate())) as client:
        assert client.post("/v1/predict", json={"text": "hypertension"}).status_code == 200
        assert kept() == []
        assert client.post("/v1/predict", json={"note_id": "n1", "top_k": 2}).status_code == 200
    assert kept() == [("c" * 64, 1, "250.00", True), ("c" * 64, 2, "401.9", True)]
    assert delete_note(open_engine(indexed), "n1", deletion_of("n1")).codings == 1
    assert kept() == []


def test_nothing_is_kept_by_default(client: TestClient, kept: Callable[[], list[tuple[object, ...]]]) -> None:
    """A prediction reads only."""
    assert client.post("/v1/predict", json={"note_id": "n1"}).status_code == 200
    assert kept() == []


def test_a_note_that_went_meanwhile_is_named(indexed: str, coder: FakeCoder) -> None:
    """Nothing is kept of it."""
    with pytest.raises(UnknownNote), write(open_engine(indexed)) as connection:
        record_coding(connection, "absent", coder, [])


def test_recording_needs_a_database(coder: FakeCoder) -> None:
    """Said at the start, not at the first note."""
    with pytest.raises(InvalidOption, match="ICD_CODER_RECORD_CODINGS needs a database"):
        create_app(load_settings(record_codings=True), coder, OpenGate())
