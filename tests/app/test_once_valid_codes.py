"""A code that was valid once is shown with the title that the training data found for it, on every way out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access.gate import OpenGate
from app.inference.worker import load_coder
from app.settings import load_settings
from app.web.application import create_app
from model.icd import Code
from model.labels import Label, LabelSpace
from tests.app.fhir.documents import document, resources, send
from tests.factories import NOTE, save_tiny_bundle
from training.prepare.icd_titles import titles_for

ONCE = "780.6"
CODES = (ONCE, "401.9", "780.79", "276.61", "486", "428.0")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A bundle whose training notes carry a code of before its subdivision."""
    titles = titles_for(["icd9cm"], {})
    known = [
        (code, title)
        for code, title in titles.items()
        if code.code in (ONCE, "401.9", "780.79", "276.61", "486", "428.0")
    ]
    labels = LabelSpace(tuple(Label(*code, title, 5) for code, title in sorted(known)))
    save_tiny_bundle(tmp_path / "bundle", labels=labels)
    coder = load_coder(tmp_path / "bundle", threads=1)
    with TestClient(create_app(load_settings(torch_threads=1), coder, OpenGate())) as client:
        yield client


def test_every_answer_shows_its_title(client: TestClient) -> None:
    """JSON, FHIR, CSV and the catalogue, with the year until which it was valid."""
    title = titles_for(["icd9cm"], {})[Code("icd9cm", ONCE)]
    assert "valid until" in title
    predicted = {
        code["code"]: code["title"] for code in client.post("/v1/predict", json={"text": NOTE}).json()["codes"]
    }
    assert predicted[ONCE] == title
    codings = [each["code"]["coding"][0] for each in resources(send(client, document(NOTE)), "Condition")]
    assert {coding["code"]: coding["display"] for coding in codings}[ONCE] == title
    table = client.post("/v1/predict", json={"text": NOTE}, headers={"Accept": "text/csv"}).text
    assert title in table
    (found,) = client.get("/v1/codes", params={"q": ONCE}).json()["codes"]
    assert (found["code"], found["title"]) == (ONCE, title)
