"""An indexed database and a client of the service around a fake coder."""

import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import structlog
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.database.engine import migrate
from app.logs import configure_logs
from app.settings import load_settings
from app.web.application import create_app
from tests.app.fakes import FakeCoder, index_into, write_dataset
from tests.app.leak_watch import watched_answers
from tests.canary import CANARY, leaks


@pytest.fixture(autouse=True)
def no_note_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """The canary of the notes is in no error, probe or metric, and in no file that is not made to hold notes."""
    folders = [request.getfixturevalue("tmp_path")] if "tmp_path" in request.fixturenames else []
    with watched_answers() as found:
        yield
    assert found == []
    assert [path for folder in folders for path in leaks(folder)] == []


@pytest.fixture
def coder() -> FakeCoder:
    return FakeCoder()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A migrated database without rows."""
    url = f"sqlite:///{tmp_path}/notes.sqlite3"
    migrate(url)
    return url


@pytest.fixture
def indexed(url: str, coder: FakeCoder, tmp_path: Path) -> str:
    """The training notes with their texts."""
    index_into(url, coder, write_dataset(tmp_path / "data"), store_text=True)
    return url


@pytest.fixture
def client(indexed: str, coder: FakeCoder, logs: StringIO) -> Iterator[TestClient]:
    """The service over the indexed notes."""
    with TestClient(create_app(load_settings(database=indexed), coder, OpenGate())) as client:
        yield client


@pytest.fixture
def logs() -> Iterator[StringIO]:
    """What the service logs by its own configuration, which is undone afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    configure_logs(stream)
    yield stream
    assert CANARY not in stream.getvalue()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
