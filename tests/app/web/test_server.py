"""The real server: its stop, what it believes of a client's address, and its limits of connections."""

import asyncio
import http.client
import json
import signal
import threading
from io import StringIO
from typing import Any

import pytest
from uvicorn.server import ServerState

from app.access.gate import OpenGate
from app.listening import listen
from app.settings import load_settings
from app.web.application import create_app
from app.web.server import run, server_config
from tests.app.access.keyed_service import keyed_app
from tests.app.answers import NOTE
from tests.app.fakes import FakeCoder
from tests.app.virtual_time import run as run_jumping
from tests.app.web.memory_transport import MemoryTransport


def ask(port: int, method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(port: int, path: str, status: int) -> bytes:
    """The body of the first answer with this status."""
    while True:
        found, body = ask(port, "GET", path)
        if found == status:
            return body


@pytest.mark.timeout(40)
def test_a_stop_answers_what_is_in_flight_and_tells_probes(coder: FakeCoder, logs: StringIO) -> None:
    """/readyz says 503, /healthz 200, new notes are refused, the note being coded is answered, the process ends."""
    bound = listen("127.0.0.1", 0, no_auth=True)
    bound.listen()  # connections made before the start wait for it
    port = bound.getsockname()[1]
    seen: dict[str, object] = {}

    def client() -> None:
        until(port, "/readyz", 200)
        assert coder.entered.acquire(timeout=10)  # the warm-up
        coder.gate.clear()
        slow = threading.Thread(target=lambda: seen.update(slow=ask(port, "POST", "/v1/predict", {"text": NOTE})[0]))
        slow.start()
        try:
            assert coder.entered.acquire(timeout=10)
            signal.raise_signal(signal.SIGTERM)
            seen["readyz"] = until(port, "/readyz", 503)
            seen["healthz"] = ask(port, "GET", "/healthz")[0]
            seen["late"] = ask(port, "POST", "/v1/predict", {"text": NOTE})[0]
        finally:
            coder.gate.set()
            slow.join(20)

    thread = threading.Thread(target=client)
    thread.start()
    settings = load_settings(shutdown_seconds=20)
    with pytest.raises(SystemExit) as ended:
        run(create_app(settings, coder, OpenGate()), bound, settings)
    thread.join(20)
    assert ended.value.code == 0
    assert b"the service is stopping" in bytes(seen.pop("readyz"))  # type: ignore[call-overload]
    assert seen == {"healthz": 200, "late": 503, "slow": 200}
    with pytest.raises(ConnectionRefusedError):
        ask(port, "GET", "/healthz")


class Server:
    """The real application and the settings' server, without a socket; a request needs a key."""

    def __init__(self, url: str, coder: FakeCoder, **settings: object) -> None:
        app, _gate = keyed_app(url, coder, **settings)
        self._config = server_config(app, load_settings(**settings))
        self._config.load()
        self._state = ServerState()

    def dial(self, address: str = "10.0.0.5") -> MemoryTransport:
        transport = MemoryTransport(address)
        protocol: Any = self._config.http_protocol_class
        transport.connect(protocol(config=self._config, server_state=self._state, app_state={}))
        return transport

    async def status(self, forwarded_for: str) -> int:
        """Of a request without a key."""
        transport = self.dial()
        transport.client_sends(
            b"GET /v1/model HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n" % forwarded_for.encode()
        )
        await asyncio.sleep(2)
        return int(transport.received.split()[1])


def test_a_clients_own_header_names_no_address(url: str, coder: FakeCoder) -> None:
    """Otherwise it would begin its limit anew with each name."""

    async def scenario() -> list[int]:
        server = Server(url, coder, stranger_limit="2/hour")
        return [await server.status(f"192.0.2.{number}") for number in range(4)]

    assert run_jumping(scenario()) == [401, 401, 429, 429]


@pytest.mark.parametrize("proxies", ["10.0.0.5", "172.16.0.0/12, 10.0.0.0/24"])
def test_the_header_of_a_trusted_proxy_names_the_client(url: str, coder: FakeCoder, proxies: str) -> None:
    """Each client has its own limit; what a client wrote before the proxy's own entry does not count."""

    async def scenario() -> list[int]:
        server = Server(url, coder, stranger_limit="2/hour", trusted_proxies=proxies)
        named = ["192.0.2.1"] * 3 + ["198.51.100.1, 192.0.2.1", "198.51.100.2, 192.0.2.1", "192.0.2.1, 192.0.2.2"]
        return [await server.status(each) for each in named]

    assert run_jumping(scenario()) == [401, 401, 429, 429, 429, 401]


def test_the_server_has_the_limits_of_the_settings(url: str, coder: FakeCoder) -> None:
    """Of connections and their seconds."""

    async def scenario() -> list[float | None]:
        server = Server(url, coder, head_seconds=3, send_seconds=7, max_connections_by_address=2)
        first, second, third = [server.dial() for _ in range(3)]
        third.reads = False
        third.client_sends(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(60)
        return [each.closed_at for each in (first, second, third)]

    assert run_jumping(scenario()) == [0, 3, 7]


@pytest.mark.parametrize("path", [b"/healthz", b"/v1/predict", b"/nowhere"])
def test_two_lengths_of_a_body_end_the_connection(url: str, coder: FakeCoder, path: bytes) -> None:
    """What follows is answered as no request: for a proxy it may be a part of the body."""

    async def scenario() -> MemoryTransport:
        transport = Server(url, coder).dial()
        lengths = b"Content-Length: 40\r\nTransfer-Encoding: chunked"
        transport.client_sends(b"POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n" % (path, lengths))
        transport.client_sends(b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(1)
        return transport

    transport = run_jumping(scenario())
    assert transport.received.startswith(b"HTTP/1.1 400")
    assert transport.received.count(b"HTTP/1.1") == 1
    assert transport.closed_at == 0
