"""A stop of the real server: probes are answered until the last note is."""

import http.client
import json
import signal
import threading
from io import StringIO

import pytest

from app.access.gate import OpenGate
from app.listening import listen
from app.settings import load_settings
from app.web.application import create_app
from app.web.server import run
from tests.app.answers import NOTE
from tests.app.fakes import FakeCoder


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
    with pytest.raises(SystemExit) as ended:
        run(create_app(load_settings(), coder, OpenGate()), bound, 20)
    thread.join(20)
    assert ended.value.code == 0
    assert b"the service is stopping" in bytes(seen.pop("readyz"))  # type: ignore[call-overload]
    assert seen == {"healthz": 200, "late": 503, "slow": 200}
    with pytest.raises(ConnectionRefusedError):
        ask(port, "GET", "/healthz")
