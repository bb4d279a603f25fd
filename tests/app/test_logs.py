"""What the service logs of others' words."""

import json
import logging
import re
from io import StringIO
from pathlib import Path

import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from app.logs import OncePerMinute
from tests.app.access.keyed_service import indexed_database, keyed_app
from tests.app.fakes import CANARY, FakeCoder


def test_a_traceback_in_a_servers_message_is_withheld(logs: StringIO) -> None:
    """Uvicorn logs the traceback of a failed start or stop as text, message included."""
    logging.getLogger("uvicorn.error").error(f"Traceback (most recent call last):\n  File x\nValueError: {CANARY}")
    logging.getLogger("uvicorn.error").info("Shutting down")
    first, second = map(json.loads, logs.getvalue().splitlines())
    assert first["event"] == "message of a library withheld"
    assert second["event"] == "Shutting down"
    assert CANARY not in logs.getvalue()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123456789abcdef", "0123456789abcdef"),
        ("6F1D2C9A-8B7E-4F00-9A1B-223344556677", "6f1d2c9a8b7e4f009a1b223344556677"),
        ("Zzyzxcanary", None),
        ("abc", None),
        ("a" * 33, None),
        ("", None),
    ],
)
def test_a_clients_request_id_is_used_where_it_is_one(
    client: TestClient, logs: StringIO, given: str, kept: str | None
) -> None:
    """In the answer and in every log line; a word never."""
    answer = client.get("/healthz", headers={"X-Request-ID": given})
    line = json.loads(logs.getvalue().splitlines()[-1])
    assert line["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16,32}", line["request_id"])
    assert kept is None or line["request_id"] == kept
    assert CANARY not in logs.getvalue()


def test_lines_in_the_middle_of_a_request_have_its_id(logs: StringIO) -> None:
    """Also those of code that does not know the request."""
    with structlog.contextvars.bound_contextvars(request_id="0123456789abcdef"):
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = map(json.loads, logs.getvalue().splitlines())
    assert inside["request_id"] == "0123456789abcdef"
    assert "request_id" not in outside


class Clock:
    """Seconds that pass only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(logs: StringIO) -> Clock:
    """Of the filter of the service's own log."""
    made = Clock()
    logging.getLogger().handlers[0].filters[:] = [OncePerMinute(made)]
    return made


def lines(logs: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in logs.getvalue().splitlines()]


def log_kind(kind: str) -> None:
    """One line of a kind that repeats."""
    match kind:
        case "own error":
            structlog.get_logger().error("database error", error="OperationalError")
        case "library":
            logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        case "exception of a library":
            try:
                raise OSError(24, "Too many open files")
            except OSError:
                logging.getLogger("asyncio").exception("socket.accept() out of system resource")
        case "refusal":
            structlog.get_logger().info("request", method="GET", route="/v1/model", status=401, who="nobody", ms=1.0)


@pytest.mark.parametrize("kind", ["own error", "library", "exception of a library", "refusal"])
def test_what_repeats_is_logged_once_a_minute(logs: StringIO, clock: Clock, kind: str) -> None:
    """With the number of times that it came since the line before."""
    for second in range(150):
        clock.now = 1000.0 + second
        log_kind(kind)
        log_kind(kind)
    assert [line.get("times") for line in lines(logs)] == [None, 120, 120]


def test_other_kinds_are_logged_beside_one_that_repeats(logs: StringIO, clock: Clock) -> None:
    """A crowd of one fault hides no other, and a request with a key is always logged."""
    log = structlog.get_logger()
    for _ in range(3):
        log_kind("refusal")
        log.info("request", method="GET", route="/v1/model", status=429, who="nobody", ms=1.0)
        log.info("request", method="GET", route="/v1/codes", status=401, who="nobody", ms=1.0)
        log.info("request", method="GET", route="/v1/model", status=401, who="k1", ms=1.0)
        log.error("database error", error="OperationalError")
        log.error("database error", error="IntegrityError")
        log.warning("files are not private", remedy="a")
        logging.getLogger("uvicorn.error").info("Shutting down")
    assert len(lines(logs)) == 5 + 3 * 3


def test_the_lines_of_clients_without_a_key_are_few(
    tmp_path: Path, coder: FakeCoder, logs: StringIO, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever path, method, header and body they send; and none is missing in the metrics."""
    monkeypatch.setattr("app.web.load_shedding.DELAY_SECONDS", (0, 0))
    app, _gate = keyed_app(indexed_database(tmp_path, coder), coder, stranger_limit="9/minute")
    with TestClient(app) as client:
        for number in range(200):
            client.request(f"M{number}", f"/nowhere/{number}", headers={"X-Request-ID": f"{number:016x}"})
            client.get(f"/healthz?{number}", headers={"Authorization": f"Bearer {number}"})
            client.post("/v1/predict", content=b"x" * number)
    requests = [line for line in lines(logs) if line["event"] == "request"]
    assert {(line["route"], line["status"]) for line in requests} >= {("/healthz", 200), ("none", 401), ("none", 429)}
    assert len(requests) < 10
    counted = generate_latest(app.state.active_bundle.now.metrics.registry).decode()
    assert 'icd_coder_requests_total{method="GET",route="/healthz",status="200"} 200.0' in counted
