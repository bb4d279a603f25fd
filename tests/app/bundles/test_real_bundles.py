"""Bundles with weights, verified and opened as the service opens its first one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.bundles.open_bundle import FolderOpener
from app.settings import load_settings
from app.web.application import create_app
from tests.app.answers import NOTE, problem
from tests.factories import save_tiny_bundle

OPENER = FolderOpener("cpu", "auto", 1, allow_damaged_labels=False)


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    """One of two bundles answers, over a database without notes."""
    for seed, name in enumerate(("first", "second")):
        save_tiny_bundle(tmp_path / "bundles" / name, seed=seed)
    settings = load_settings(database=url, bundles=tmp_path / "bundles", torch_threads=1)
    app = create_app(settings, OPENER.open(tmp_path / "bundles" / "first"), OpenGate(), None, OPENER)
    with TestClient(app) as client:
        yield client


def test_a_flipped_byte_answers_409_and_changes_nothing(client: TestClient, tmp_path: Path) -> None:
    """Neither what answers nor what it says; mended, the bundle is loaded."""
    assert client.post("/v1/bundles", json={"name": "second"}).status_code == 201
    weights = tmp_path / "bundles" / "second" / "model.safetensors"
    whole = weights.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    weights.write_bytes(damaged)
    before = client.post("/v1/predict", json={"text": NOTE}).json()
    for path, body in (("/load", {"bundle": "second"}), ("", {"name": "second"})):
        refused = client.post(f"/v1/bundles{path}", json=body)
        assert problem(refused) == (409, "bundle-refused")
        assert "'model.safetensors'" in refused.json()["detail"]
    after = client.post("/v1/predict", json={"text": NOTE}).json()
    assert {**after, "timings_ms": None} == {**before, "timings_ms": None}
    weights.write_bytes(whole)
    loaded = client.post("/v1/bundles/load", json={"bundle": "second"}).json()
    assert loaded["replaced"] == before["bundle_id"]
    answer = client.post("/v1/predict", json={"text": NOTE}).json()
    assert answer["bundle_id"] == loaded["bundle_id"] != before["bundle_id"]
    assert [code["probability"] for code in answer["codes"]] != [code["probability"] for code in before["codes"]]
