"""What Prometheus reads: true numbers, and nothing of a note."""

import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.access.gate import OpenGate
from app.settings import load_settings
from app.web.application import create_app
from tests.app.access.keyed_service import indexed_database, keyed_app
from tests.app.answers import NOTE, problem, wait_until_ready
from tests.app.fakes import CANARY, FakeCoder


def scraped(client: TestClient) -> dict[tuple[str, ...], float]:
    """Every sample by name and label values."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_requests_stages_and_tokens_are_counted(client: TestClient, coder: FakeCoder) -> None:
    """By route template and status; the warm-up is not counted as a note."""
    wait_until_ready(client, coder)
    client.post("/v1/predict", json={"text": f"{CANARY} two"})
    client.post("/v1/neighbours", json={"text": "one"})
    client.get(f"/{CANARY}")
    client.post("/v1/predict", json={"note_id": CANARY})
    found = scraped(client)
    assert found["icd_coder_requests_total", "POST", "/v1/predict", "200"] == 2
    assert found["icd_coder_requests_total", "POST", "/v1/predict", "404"] == 1
    assert found["icd_coder_requests_total", "GET", "none", "404"] == 1
    assert found["icd_coder_request_seconds_count", "/v1/predict"] == 3
    assert found["icd_coder_notes_total",] == 3
    assert found["icd_coder_tokens_total", "read"] == len(NOTE.split()) + 2 + 1
    assert found["icd_coder_tokens_total", "left_out"] == 0
    for stage in ("waiting", "coding", "inference", "neighbours"):
        assert found["icd_coder_stage_seconds_count", stage] == 3
    assert found["icd_coder_model_ready",] == found["icd_coder_database_up",] == 1
    assert found["icd_coder_bundle_info", "b" * 64, "e" * 64, "fp32"] == 1
    assert CANARY not in client.get("/metrics").text


def test_the_queue_is_seen(client: TestClient, coder: FakeCoder) -> None:
    """One at work, one waiting."""
    wait_until_ready(client, coder)
    coder.gate.clear()
    threads = [
        threading.Thread(target=client.post, args=("/v1/predict",), kwargs={"json": {"text": NOTE}}) for _ in "ab"
    ]
    threads[0].start()
    assert coder.entered.acquire(timeout=10)
    threads[1].start()
    try:
        while (found := scraped(client))["icd_coder_queue_depth",] == 0:
            pass
        assert found["icd_coder_working",] == 1
        assert found["icd_coder_in_flight",] == 2
    finally:
        coder.gate.set()
        for thread in threads:
            thread.join(10)
    after = scraped(client)
    assert after["icd_coder_queue_depth",] == after["icd_coder_in_flight",] == 0


def test_a_lost_database_is_seen(client: TestClient, tmp_path: Path) -> None:
    """And the metrics are still there."""
    (tmp_path / "notes.sqlite3").rename(tmp_path / "elsewhere.sqlite3")
    assert scraped(client)["icd_coder_database_up",] == 0


@pytest.mark.parametrize(("access", "status"), [("open", 200), ("admin", 401), ("off", 401)])
def test_who_may_read_is_a_setting(tmp_path: Path, coder: FakeCoder, access: str, status: int) -> None:
    """Without a key: only when it is open; when it is off there is no such route."""
    app, _gate = keyed_app(indexed_database(tmp_path, coder), coder, metrics=access)
    with TestClient(app) as client:
        assert client.get("/metrics").status_code == status
    with TestClient(create_app(load_settings(metrics=access), coder, OpenGate())) as client:
        answer = client.get("/metrics")
        assert problem(answer) == (404, "unknown-route") if access == "off" else answer.status_code == 200
