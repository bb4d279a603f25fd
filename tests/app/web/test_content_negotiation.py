"""Which form an Accept header asks for, and the codes as CSV."""

import csv
import json
from io import StringIO

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from app.web.content_negotiation import FORMS, wanted_form
from app.wire import FHIR_JSON, JSON
from icd_coder_client.connection import CSV


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ([], JSON),
        (["*/*"], JSON),
        (["text/html,application/xhtml+xml,*/*;q=0.8"], JSON),
        (["application/fhir+json"], FHIR_JSON),
        (["Application/FHIR+JSON; fhirVersion=4.0"], FHIR_JSON),
        (["application/json;q=0.5, application/fhir+json"], FHIR_JSON),
        (["application/fhir+json;q=0.2", "text/csv;q=0.3"], CSV),
        (["application/json, text/csv"], JSON),
        (["text/csv, application/json"], CSV),
        (["text/csv;q=0"], JSON),
        (["text/csv;q=often"], JSON),
    ],
)
def test_the_form_of_a_header(accept: list[str], form: str) -> None:
    """The highest weight, then the first; JSON for anything else."""
    assert wanted_form(accept) == form


@given(st.lists(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n")), max_size=3))
def test_any_header_has_a_form(accept: list[str]) -> None:
    """Whatever bytes it is made of."""
    assert wanted_form(accept) in FORMS


def test_codes_as_csv(client: TestClient) -> None:
    """A row a code, no word of the note; warnings in a header."""
    body = {"text": "Unquotable hypertension, then diabetes.", "policy": "global"}
    answer = client.post("/v1/predict", json=body, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["rank"], row["system"], row["code"], row["selected"], row["evidence"]) for row in rows[:3]] == [
        ("1", "icd9cm", "250.00", "true", "30-38"),
        ("2", "icd9cm", "401.9", "true", "11-23"),
        ("3", "icd9cm", "428.0", "false", ""),
    ]
    assert "Unquotable" not in answer.text
    assert json.loads(answer.headers["x-icd-coder-warnings"]) == []
