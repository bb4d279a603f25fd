"""A DocumentReference in, a Bundle out: what it holds, and offsets that fit the text that was sent."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.gate import OpenGate
from app.database.engine import open_engine
from app.fhir.extensions import SUGGESTION, VERIFICATION_STATUS
from app.settings import load_settings
from app.web.application import create_app
from app.wire import FHIR_JSON
from tests.app.access_log.rows import logged
from tests.app.fakes import CANARY, KEYWORDS, FakeCoder
from tests.app.fhir.documents import document, resources, send, spans, value_of

NOTE = "Ein Gruß 🫀: Hypertension, then diabetes; angioplasty."


def keywords(text: str) -> set[tuple[int, int, str]]:
    """Slow twin: where the fake coder's words stand, in code points."""
    found = [re.search(word, text, re.IGNORECASE) for word in KEYWORDS]
    return {(match.start(), match.end(), match[0]) for match in found if match}


def test_the_bundle_of_a_document(client: TestClient) -> None:
    """Conditions and Procedures by system, unconfirmed, of the document's patient, from the bundle's software."""
    sent = document(NOTE, id="stay-17", subject={"reference": "Patient/17"}, identifier=[{"value": "ward-3-17"}])
    answer = send(client, sent)
    (kept,) = resources(answer, "DocumentReference")
    assert (kept["id"], kept["subject"], kept["identifier"]) == ("stay-17", sent["subject"], sent["identifier"])
    conditions, procedures = resources(answer, "Condition"), resources(answer, "Procedure")
    assert {each["code"]["coding"][0]["code"] for each in conditions} == {"250.00", "401.9", "428.0"}
    assert {each["code"]["coding"][0]["system"] for each in conditions} == {"http://hl7.org/fhir/sid/icd-9-cm"}
    (coding,) = procedures[0]["code"]["coding"]
    assert coding == {
        "system": "http://terminology.hl7.org/CodeSystem/ICD-9CM-procedurecodes",
        "code": "00.66",
        "display": "PTCA",
    }
    status = [each["verificationStatus"]["coding"][0]["code"] for each in conditions]
    extensions = {each["url"]: each for each in procedures[0]["extension"]}
    status.append(extensions[VERIFICATION_STATUS]["valueCodeableConcept"]["coding"][0]["code"])
    assert status == ["unconfirmed"] * 4
    assert {each["subject"]["reference"] for each in conditions + procedures} == {"Patient/17"}
    told = {part["url"]: value_of(part) for part in extensions[SUGGESTION]["extension"]}
    assert (told["rank"], told["selected"], float(told["probability"])) == (3, True, 0.9)
    (made,) = resources(answer, "Provenance")
    assert made["agent"][0]["who"]["display"] == f"icd-coder, bundle {'b' * 64}"
    assert made["contained"][0]["identifier"][0]["value"] == "b" * 64


def test_references_lead_to_entries_of_the_bundle(client: TestClient) -> None:
    """Evidence and source to the document, targets to every code."""
    answer = send(client, document(NOTE))
    by_address = {entry["fullUrl"]: entry["resource"] for entry in answer.json()["entry"]}
    coded = resources(answer, "Condition") + resources(answer, "Procedure")
    (made,) = resources(answer, "Provenance")
    assert [by_address[target["reference"]] for target in made["target"]] == sorted(coded, key=rank)
    papers = [each["report"][0] if "report" in each else each["evidence"][0]["detail"][0] for each in coded]
    papers.append(made["entity"][0]["what"])
    assert {by_address[each["reference"]]["resourceType"] for each in papers} == {"DocumentReference"}


def rank(resource: dict[str, Any]) -> int:
    """Of the suggestion."""
    (told,) = (each for each in resource["extension"] if each["url"] == SUGGESTION)
    return int(told["extension"][0]["valuePositiveInt"])


@pytest.fixture(scope="module")
def plain() -> Any:
    """A service without a database."""
    with TestClient(create_app(load_settings(max_waiting=4), FakeCoder(), OpenGate())) as client:
        yield client


pieces = st.one_of(st.text(max_size=12), st.sampled_from(KEYWORDS))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(pieces, max_size=6).map("".join))
def test_offsets_survive_any_text(plain: TestClient, text: str) -> None:
    """Line ends, astral and combining characters, a byte order mark: the words at the offsets are the evidence."""
    if "\0" in text or not text.strip():
        assert send(plain, document(text)).status_code == 422
        return
    answer = send(plain, document(text))
    coded = resources(answer, "Condition") + resources(answer, "Procedure")
    found = [span for each in coded for span in spans(each)]
    assert {(span["begin"], span["end"], span["text"]) for span in found} == keywords(text)
    assert all(type(span["begin"]) is int and type(span["end"]) is int for span in found)


def test_only_evidence_repeats_words_of_the_note(client: TestClient) -> None:
    """Not the document, whose sender has it; a description of it neither."""
    sent = document(f"{CANARY} with hypertension", description=CANARY, text={"status": "generated", "div": CANARY})
    assert CANARY not in send(client, sent).text


def test_the_patient_of_the_document_is_no_neighbour_and_no_neighbour_is_shown(
    indexed: str, coder: FakeCoder, client: TestClient
) -> None:
    """So nothing is logged; a ranker that uses neighbours still gets them."""
    coder.uses_neighbours = True
    for subject in ({"identifier": {"value": "p1"}}, {"reference": "http://fhir.example/Patient/p1/_history/2"}):
        send(client, document("hypertension", subject=subject))
        assert len(coder.received_neighbours) == 1
    send(client, document("hypertension"))
    assert len(coder.received_neighbours) == 3
    engine = open_engine(indexed)
    assert [row for row in logged(engine) if "predict" in row[1]] == []
    engine.dispose()


def test_a_prediction_of_json_as_a_bundle(client: TestClient) -> None:
    """By text with a patient, and by the id of a stored note."""
    body = {"text": NOTE, "subject_id": "patient-17", "top_k": 2, "systems": ["icd9cm"]}
    answer = client.post("/v1/predict", json=body, headers={"Accept": FHIR_JSON})
    assert [each["subject"] for each in resources(answer, "Condition")] == [{"identifier": {"value": "patient-17"}}] * 2
    assert resources(answer, "Procedure") == []
    stored = client.post("/v1/predict", json={"note_id": "n1"}, headers={"Accept": FHIR_JSON})
    (note,) = resources(stored, "DocumentReference")
    assert note["identifier"] == [{"value": "n1"}]


def test_warnings_come_along(client: TestClient) -> None:
    """As an OperationOutcome; a Bundle without a code has its Provenance still."""
    body = {"text": NOTE, "minimum_probability": 1}
    answer = client.post("/v1/predict", json=body, headers={"Accept": FHIR_JSON})
    (outcome,) = resources(answer, "OperationOutcome")
    assert "no code is left" in outcome["issue"][0]["diagnostics"]
    assert len(resources(answer, "Provenance")[0]["target"]) == 1


def test_a_document_may_be_answered_in_json(client: TestClient) -> None:
    """The two headers do not depend on each other."""
    answer = client.post("/v1/predict", json=document(NOTE), headers={"Content-Type": FHIR_JSON})
    assert [code["code"] for code in answer.json()["codes"]][:2] == ["250.00", "401.9"]
