"""Files of jobs, handing them in and waiting for them, for tests."""

import json
import time
from typing import Any

from fastapi.testclient import TestClient

from tests.canary import CANARY

WORDS = ("hypertension", "diabetes", "heart failure", "angioplasty", "nothing of note")
SENT = {"Content-Type": "application/x-ndjson"}


def job_file(count: int) -> bytes:
    """Notes of invented people, some of which cannot be coded: every seventh asks for a subtree that is none."""
    lines = []
    for i in range(count):
        line: dict[str, Any] = {"id": f"note {i}", "text": f"Fake {i}: {WORDS[i % 5]}, {WORDS[i % 3]}. {CANARY}"}
        if i % 7 == 6:
            line["include"] = ["999"]
        lines.append(json.dumps(line))
    return "\n".join(lines).encode()


def submit(client: TestClient, body: bytes, key: str = "k1", headers: dict[str, str] | None = None) -> Any:
    """The response to a file."""
    return client.post("/v1/jobs", content=body, headers={**SENT, "Idempotency-Key": key, **(headers or {})})


def ended(
    client: TestClient, job_id: str, seconds: float = 60, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """The status of a job, once it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        answer = client.get(f"/v1/jobs/{job_id}", headers=headers)
        assert answer.status_code == 200, answer.text
        status: dict[str, Any] = answer.json()
        if "ended_at" in status:
            return status
        assert time.monotonic() < deadline, status
        time.sleep(0.01)  # asking without a pause would take the time from who works on it


def result_lines(client: TestClient, job_id: str) -> list[dict[str, Any]]:
    """The results as objects."""
    answer = client.get(f"/v1/jobs/{job_id}/results")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]
