"""What the service logs of others' words."""

import json
import logging
from io import StringIO

from tests.app.fakes import CANARY


def test_a_traceback_in_a_servers_message_is_withheld(logs: StringIO) -> None:
    """Uvicorn logs the traceback of a failed start or stop as text, message included."""
    logging.getLogger("uvicorn.error").error(f"Traceback (most recent call last):\n  File x\nValueError: {CANARY}")
    logging.getLogger("uvicorn.error").info("Shutting down")
    first, second = map(json.loads, logs.getvalue().splitlines())
    assert first["event"] == "message of a library withheld"
    assert second["event"] == "Shutting down"
    assert CANARY not in logs.getvalue()
