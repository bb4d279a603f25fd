"""The verb ``serve`` as a user types it; the coder behind it is a fake."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs
from typer.testing import Result

from app.settings import Settings
from model.errors import (
    EmbeddingMismatch,
    InvalidOption,
    MissingInput,
)
from tests.app.fakes import NOTES, FakeCoder, write_dataset

Invoke = Callable[..., Result]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", "8.8.8.8", ""])
def test_serve_without_keys_refuses_a_host_that_is_not_loopback(invoke: Invoke, host: str) -> None:
    """Everyone who can reach the port could send requests."""
    with pytest.raises(InvalidOption, match=r"(not loopback|is empty).*--host 127\.0\.0\.1"):
        invoke("serve", "--bundle", "b", "--no-auth", "--host", host)


def test_serve_needs_a_database_for_its_keys(invoke: Invoke) -> None:
    """Or the word that none are wanted."""
    with pytest.raises(InvalidOption, match="name one with --database, or answer without keys .* --no-auth"):
        invoke("serve", "--bundle", "b", "--port", "0")


def test_serve_with_keys_answers_other_machines(invoke: Invoke, indexed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every address, and only with a key."""
    served: list[Any] = []

    def run(app: Any, bound: socket.socket, _settings: Any) -> None:
        served.append((app, bound.getsockname()[0]))
        bound.close()

    monkeypatch.setattr("app.web.server.run", run)
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    invoke("serve", "--bundle", "b", "--database", indexed, "--host", "0.0.0.0", "--port", "0")
    app, address = served[0]
    assert address == "0.0.0.0"
    with TestClient(app) as client:
        assert client.get("/v1/model").status_code == 401


def test_serve_gives_the_server_the_limits_of_file_and_environment(
    invoke: Invoke, indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No middleware sees a connection, so these go to the server itself."""
    served: list[Settings] = []
    monkeypatch.setattr("app.web.server.run", lambda _app, bound, settings: (served.append(settings), bound.close()))
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    monkeypatch.setenv("ICD_CODER_HEAD_SECONDS", "3")
    monkeypatch.setenv("ICD_CODER_TRUSTED_PROXIES", "10.0.0.5,172.16.0.0/12")
    (tmp_path / "icd.toml").write_text("head_seconds = 4\nsend_seconds = 5\nmax_connections = 60\n")
    invoke("serve", "--bundle", "b", "--no-auth", "--database", indexed, "--port", "0", "--config", "icd.toml")
    [found] = served
    assert (found.head_seconds, found.send_seconds, found.max_connections) == (3, 5, 60)
    assert found.trusted_proxies == "10.0.0.5,172.16.0.0/12"


@pytest.mark.parametrize("given", ["proxy", "10.0.0.5/8", "*", "10.0.0.5,all"])
def test_serve_refuses_a_proxy_that_is_no_address(
    invoke: Invoke, indexed: str, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """A name would be trusted by nobody, and a star by everybody."""
    monkeypatch.setenv("ICD_CODER_TRUSTED_PROXIES", given)
    with pytest.raises(InvalidOption, match=r"TRUSTED_PROXIES.*10\.0\.0\.5,172\.16\.0\.0/12"):
        invoke("serve", "--bundle", "b", "--no-auth", "--database", indexed, "--port", "0", "--check")


def test_serve_refuses_a_port_in_use(invoke: Invoke) -> None:
    """Naming the port and the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidOption, match=rf"port {port} of 127\.0\.0\.1.*in use.*--port"):
            invoke("serve", "--bundle", "b", "--port", str(port))


@pytest.mark.parametrize("there", [True, False])
def test_serve_uses_the_database_beside_the_bundle(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Where it is; otherwise it serves without neighbours and says how to get them."""
    served: list[Any] = []
    monkeypatch.setattr("app.web.server.run", lambda app, bound, settings: (served.append(app), bound.close()))
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    if there:
        write_dataset(tmp_path / "data")
        invoke("index", "--bundle", "b", "--data", "data")
    result = invoke("serve", "--bundle", "b", "--port", "0", "--no-auth")
    assert result.exit_code == 0
    assert ("icd-coder index --bundle b" in result.stderr) is not there
    with TestClient(served[0], base_url="http://localhost") as client:
        found = client.post("/v1/predict", json={"text": NOTES[0].text}).json()["neighbours"]
    assert bool(found) is there


def test_serve_check_opens_everything_and_serves_nothing(invoke: Invoke, indexed: str, tmp_path: Path) -> None:
    """Bundle, database, keys and limits, those of the file too; also beside a running service."""
    (tmp_path / "icd.toml").write_text(f'database = "{indexed}"\nmax_characters = 777\n')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = invoke("serve", "--bundle", "b", "--check", "--port", port, "--config", "icd.toml")
    assert result.exit_code == 0
    for part in ("bbbbbbbbbbbb, 4 codes", "notes.sqlite3", "asked for", "777 characters", "metrics   admin"):
        assert part in result.stdout


def test_serve_names_the_database_that_others_can_read(
    invoke: Invoke, indexed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--check says it, and a service logs it, of the write-ahead log too."""
    monkeypatch.setattr("app.web.server.run", lambda _app, bound, _settings: bound.close())
    monkeypatch.setattr("app.logs.configure_logs", lambda stream: None)
    for above in (tmp_path, *tmp_path.parents):
        if above.name.startswith(("pytest-", "popen-", "test_")):  # pytest closes its own folders
            above.chmod(0o755)
    asked = ("serve", "--bundle", "b", "--no-auth", "--database", indexed, "--port", "0")
    assert "warning" not in invoke(*asked, "--check").output
    (tmp_path / "notes.sqlite3").chmod(0o644)
    assert f"run `chmod -R go-rwx '{tmp_path}/notes.sqlite3'`" in invoke(*asked, "--check").output
    with capture_logs() as logged:
        invoke(*asked)
    named = {line["remedy"].split("'")[1] for line in logged if line["event"] == "files are not private"}
    assert named == {f"{tmp_path}/notes.sqlite3{end}" for end in ("", "-wal", "-shm")}  # SQLite copies the mode


def test_serve_check_names_what_is_wrong(invoke: Invoke, indexed: str, coder: FakeCoder) -> None:
    """As serving would: exit code 2, in one sentence."""
    coder.embedding_id = "f" * 64
    with pytest.raises(EmbeddingMismatch):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--database", indexed)
    with pytest.raises(MissingInput, match="absent"):
        invoke("serve", "--bundle", "b", "--check", "--database", "sqlite:///absent.sqlite3")
    with pytest.raises(InvalidOption, match="not loopback"):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--host", "0.0.0.0")
    with pytest.raises(MissingInput, match="no.toml"):
        invoke("serve", "--bundle", "b", "--check", "--no-auth", "--config", "no.toml")
