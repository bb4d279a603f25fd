"""Without keys only the machine's own names are answered (DNS rebinding)."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate, open_gate
from app.settings import load_settings
from app.web.application import create_app
from app.web.loopback_host import names_loopback
from tests.app.answers import problem
from tests.app.fakes import FakeCoder


@pytest.fixture
def open_service(coder: FakeCoder) -> Iterator[TestClient]:
    """As ``serve --no-auth`` makes it."""
    settings = load_settings()
    with TestClient(create_app(settings, coder, open_gate(settings, no_auth=True))) as client:
        yield client


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.8.9.1", "[::1]", "[::1]:8000"])
def test_this_machine_is_answered(open_service: TestClient, host: str) -> None:
    """By each of its names, on any port."""
    assert open_service.get("/v1/model", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "127.0.0.1#evil",
        "192.0.2.1",
        "0.0.0.0:8000",
        "[2001:db8::1]:8000",
        "[::1",
        "localhost:99999",
        "localhost:x",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/v1/model", "/docs", "/healthz"])
def test_another_name_is_refused_on_every_path(open_service: TestClient, host: str, path: str) -> None:
    """Before a route is looked for, and without an echo."""
    answer = open_service.get(path, headers={"Host": host})
    assert problem(answer) == (421, "foreign-host")
    assert "evil" not in answer.text


def test_two_hosts_are_none(open_service: TestClient) -> None:
    """A proxy could read another one of them than the service."""
    answer = open_service.get("/v1/model", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert problem(answer) == (421, "foreign-host")


def test_a_service_with_keys_has_any_name() -> None:
    """So does a test's; the command line always asks for the check."""
    assert OpenGate().loopback_only is False
    assert names_loopback("127.0.0.1")
