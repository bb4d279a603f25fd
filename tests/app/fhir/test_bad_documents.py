"""What is no note for us: a problem that names the element, and never a word of it."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.scopes import Scope
from app.fhir.document_reference import read_document
from model.errors import IcdCoderError
from tests.app.access.keyed_service import bearer, indexed_database, keyed_app, make_key
from tests.app.answers import problem
from tests.app.fakes import CANARY, FakeCoder
from tests.app.fhir.documents import HEADERS, document, send

PLACE = "content.0.attachment"


def attached(**attachment: Any) -> dict[str, Any]:
    """A document with this attachment."""
    return {**document("x"), "content": [{"attachment": {"contentType": "text/plain", **attachment}}]}


def formats(*attachments: dict[str, Any]) -> dict[str, Any]:
    """One document in several formats."""
    return document("x", content=[{"attachment": attachment} for attachment in attachments])


HTML = {"contentType": "text/html", "data": "PGI+"}
BAD = {
    "another resource": ({"resourceType": "Patient", "id": CANARY}, "resourceType"),
    "no resource": ({"text": CANARY}, "resourceType"),
    "a list": ([CANARY], "resourceType"),
    "no content": ({"resourceType": "DocumentReference", "status": "current"}, PLACE),
    "empty content": (document("x", content=[]), PLACE),
    "no attachment": (document("x", content=[{"format": {"code": CANARY}}]), PLACE),
    "a PDF": (attached(contentType="application/pdf", data="YQ=="), f"{PLACE}.contentType"),
    "no type": (document("x", content=[{"attachment": {"data": "YQ=="}}]), f"{PLACE}.contentType"),
    "Latin-1": (attached(contentType="text/plain; charset=iso-8859-1", data="YQ=="), f"{PLACE}.contentType"),
    "an address": (attached(url=f"http://localhost:1/{CANARY}"), f"{PLACE}.url"),
    "no data": (attached(), f"{PLACE}.data"),
    "data that is a number": (attached(data=17), f"{PLACE}.data"),
    "bad base64": (attached(data=f"{CANARY}!"), f"{PLACE}.data"),
    "half of base64": (attached(data="YWJ"), f"{PLACE}.data"),
    "letters beyond ASCII": (attached(data="é" + CANARY), f"{PLACE}.data"),
    "no UTF-8": (attached(data="/////w=="), f"{PLACE}.data"),
    "a modifier": (document("x", modifierExtension=[{"url": CANARY}]), "modifierExtension"),
    "an error": (document("x", status="entered-in-error"), "status"),
    "an error within": (document("x", docStatus="entered-in-error"), "docStatus"),
    "PDF and HTML": (formats({"contentType": "application/pdf", "data": "YQ=="}, HTML), f"{PLACE}.contentType"),
    "text at an address only": (formats(HTML, {"contentType": "text/plain", "url": "x"}), "content.1.attachment.url"),
    "bad base64 behind HTML": (
        formats(HTML, {"contentType": "text/plain", "data": f"{CANARY}!"}),
        "content.1.attachment.data",
    ),
    "a date that is none": (document("x", date=CANARY), "date"),
    "a reference that is none": (document("x", subject={"reference": 5}), "subject.reference"),
    "an unknown element": (document("x", **{CANARY: 1}), "DocumentReference"),
    "an unknown element within": (document("x", subject={CANARY: 1}), "subject"),
    "too much beside the note": (document("x", identifier=[{"value": CANARY}] * 1000), "DocumentReference"),
    "a patient of two lines": (document("x", subject={"identifier": {"value": f"a\n{CANARY}"}}), "subject"),
}


@pytest.mark.parametrize("what", BAD)
def test_the_element_is_named_and_nothing_is_coded(client: TestClient, coder: FakeCoder, what: str) -> None:
    """In ``errors`` and in the sentence; an address is never fetched."""
    resource, field = BAD[what]
    before = list(coder.texts)
    answer = send(client, resource)
    assert problem(answer) == (422, "invalid-resource")
    (named,) = answer.json()["errors"]
    assert named["field"] == field
    assert answer.json()["detail"].startswith(f"{field} {named['problem']}: ")
    assert CANARY not in answer.text
    assert [text for text in coder.texts if text not in before and "McTestface" not in text] in ([], [WARM_UP])


WARM_UP = "Discharge summary. No complaints on the day of discharge."


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b'{"resourceType": "DocumentReference'])
def test_a_body_that_is_no_json(client: TestClient, body: bytes) -> None:
    """As for every route."""
    assert problem(client.post("/v1/predict", content=body, headers=HEADERS)) == (400, "malformed-body")


def test_a_note_that_is_none_is_told_as_ever(client: TestClient) -> None:
    """The rules on notes hold for documents."""
    assert problem(send(client, document(" \n"))) == (422, "invalid-note")
    assert problem(send(client, document(f"{CANARY}\0"))) == (422, "invalid-note")


@pytest.mark.parametrize(
    "before",
    [
        [HTML],
        [{"contentType": "application/pdf", "url": "Binary/1"}],
        [{"contentType": "text/plain; charset=iso-8859-1", "data": "6Q=="}, HTML],
        [{"contentType": "text/plain", "url": "Binary/2"}],
        [{}],
    ],
)
def test_the_first_plain_text_is_read(client: TestClient, coder: FakeCoder, before: list[dict[str, Any]]) -> None:
    """Where an EHR offers other formats first."""
    plain = document("known hypertension")["content"][0]["attachment"]
    other = document("another text")["content"][0]["attachment"]
    assert send(client, formats(*before, plain, other)).status_code == 200
    assert coder.texts[-1] == "known hypertension"


def test_base64_may_have_line_ends(client: TestClient) -> None:
    """As FHIR allows."""
    assert send(client, attached(data="aHlw\r\nZXJ0ZW5zaW9u\n")).status_code == 200


def test_who_may_not_predict_learns_nothing_of_the_document(tmp_path: Any, coder: FakeCoder) -> None:
    """The scope is looked at before the body."""
    app, gate = keyed_app(indexed_database(tmp_path, coder), coder)
    with TestClient(app) as client:
        headers = HEADERS | bearer(make_key(gate, Scope.NEIGHBOURS))
        answer = client.post("/v1/predict", content=json.dumps({"resourceType": "Patient"}), headers=headers)
        assert problem(answer) == (403, "missing-scope")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
elements = st.sampled_from(
    ["id", "status", "subject", "identifier", "masterIdentifier", "type", "context", "date", "content", "contained",
     "extension", "_status", "meta", "author", "implicitRules", "text", "resourceType", "fhir_comments"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(elements, json_values, max_size=3))
def test_any_element_is_read_or_refused(changed: dict[str, Any]) -> None:
    """Never another error than one of ours."""
    told = ""
    try:
        read_document({**document("hypertension"), **changed})
    except IcdCoderError as error:
        told = str(error)
    assert "hypertension" not in told
