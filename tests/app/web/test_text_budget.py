"""A note that costs more than its budget is refused wherever it comes in, and the next one is answered."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.settings import load_settings
from app.web.application import create_app
from app.wire import FHIR_JSON
from model.prediction import CodedNote
from model.processor_budget import check_budget
from model.ranking.audit import AuditedNote
from tests.app.answers import problem
from tests.app.fakes import FakeCoder
from tests.app.fhir.documents import document
from tests.app.jobs.job_files import ended, result_lines, submit

COSTLY = "Costly: no no no."
TOO_COSTLY = (422, "note-too-costly")


class CostlyCoder(FakeCoder):
    """Never done with one text."""

    def predict(self, texts: Sequence[str], *args: Any, **options: Any) -> list[CodedNote]:
        read(texts)
        return super().predict(texts, *args, **options)

    def audit(self, text: str, *args: Any, **options: Any) -> AuditedNote:
        read([text])
        return super().audit(text, *args, **options)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        read(texts)
        return super().embed(texts)


def read(texts: Sequence[str]) -> None:
    while COSTLY in texts:
        check_budget()


@pytest.fixture
def client(indexed: str) -> Iterator[TestClient]:
    settings = load_settings(database=indexed, text_seconds=0.05)
    with TestClient(create_app(settings, CostlyCoder(), OpenGate())) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", {}),
        ("/v1/neighbours", {}),
        ("/v1/audit", {"codes": [{"code": "401.9"}]}),
        ("/v1/notes", {"note_id": "n9", "codes": [{"code": "401.9"}]}),
    ],
)
def test_a_costly_note_is_refused(client: TestClient, path: str, body: dict[str, Any]) -> None:
    """By a problem of its own; the next note is answered."""
    assert problem(client.post(path, json={**body, "text": COSTLY})) == TOO_COSTLY
    assert client.post(path, json={**body, "text": "Hypertension."}).is_success


def test_a_costly_document_is_refused(client: TestClient) -> None:
    """A FHIR resource likewise."""
    sent = {"Content-Type": FHIR_JSON}
    assert problem(client.post("/v1/predict", content=json.dumps(document(COSTLY)), headers=sent)) == TOO_COSTLY
    assert base64.b64encode(COSTLY.encode()).decode() in json.dumps(document(COSTLY))


def test_a_costly_item_has_its_problem(client: TestClient) -> None:
    """Of a batch and of a job, where it is not tried again; the other items are coded."""
    texts = ["Hypertension.", COSTLY, "Diabetes."]
    batch = client.post("/v1/predict/batch", json={"items": [{"text": text} for text in texts]}).json()
    assert [("problem" in result, "answer" in result) for result in batch["results"]] == [
        (False, True),
        (True, False),
        (False, True),
    ]
    body = "\n".join(json.dumps({"id": str(number), "text": text}) for number, text in enumerate(texts)).encode()
    job = submit(client, body).json()["job_id"]
    assert ended(client, job)["failed"] == 1
    failed = [line["problem"]["type"].rpartition(":")[2] for line in result_lines(client, job) if "problem" in line]
    assert failed == ["note-too-costly"]
