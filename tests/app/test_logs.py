"""What the service logs of others' words."""

import json
import logging
import re
from io import StringIO

import pytest
import structlog
from fastapi.testclient import TestClient

from tests.app.fakes import CANARY


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
