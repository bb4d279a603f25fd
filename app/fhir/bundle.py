"""A prediction as a FHIR R4 Bundle: the document, a Condition or Procedure for each code, and where they are from."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from app.coding.schemas import PredictAnswer, PredictRequest, SuggestedCode
from app.fhir.extensions import UNCONFIRMED, Tree, evidence, is_fhir_string, suggestion, unconfirmed
from app.fhir.provenance import provenance
from app.fhir.systems import PROCEDURES, SYSTEM_URIS

NOBODY: Tree = {"display": "the request names no patient"}
"""R4 wants a subject of every Condition."""
DIAGNOSIS = {"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}


def bundle_json(answer: PredictAnswer, request: PredictRequest, kept: Tree | None = None) -> str:
    """The Bundle as JSON; every part is ours or was validated, so the tests validate it and not each answer again.

    ``fhir.resources`` takes 50 ms for 20 codes and over a second for 500, in which nobody else would be answered.

    Args:
        answer: as far as the caller may see it.
        request: what was asked.
        kept: elements of the DocumentReference that was sent, where one was.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = _document(request, kept)
    subject = _subject(document)
    place = _address()
    codes = {_address(): _coded(code, subject, place) for code in answer.codes}
    resources = {place: document, **codes}
    resources[_address()] = provenance(answer.bundle_id, list(codes) or [place], place, now)
    if answer.warnings:
        resources[_address()] = _outcome(answer.warnings)
    entries = [{"fullUrl": address, "resource": resource} for address, resource in resources.items()]
    tree = {"resourceType": "Bundle", "type": "collection", "timestamp": now, "entry": entries}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _address() -> str:
    return f"urn:uuid:{uuid4()}"


def _document(request: PredictRequest, kept: Tree | None) -> Tree:
    """The note without its text, which its sender has, and which not everybody may see who may have it coded."""
    document: Tree = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8"}}],
    }
    if kept is not None:
        return document | kept
    if request.note_id is not None and is_fhir_string(request.note_id):
        document["identifier"] = [{"value": request.note_id}]
    if request.subject_id is not None and is_fhir_string(request.subject_id):
        document["subject"] = {"identifier": {"value": request.subject_id}}
    return document


def _subject(document: Tree) -> Tree:
    """Of the document; a reference into the sent document's contained resources leads nowhere here."""
    subject: Tree = document.get("subject", {})
    if subject.get("reference", "").startswith("#"):
        subject = {name: value for name, value in subject.items() if name != "reference"}
        document.pop("subject")
        if subject:
            document["subject"] = subject
    return subject or NOBODY


def _coded(code: SuggestedCode, subject: Tree, document: str) -> Tree:
    coding = {"system": SYSTEM_URIS[code.system], "code": code.code}
    if is_fhir_string(code.title):
        coding["display"] = code.title
    shared: Tree = {"code": {"coding": [coding]}, "subject": subject}
    spans = [evidence(span) for span in code.evidence]
    if code.system in PROCEDURES:
        # R4 has no evidence of a Procedure: the document is a report of it, the spans lie beside.
        return {
            "resourceType": "Procedure",
            "status": "unknown",
            "extension": [suggestion(code), unconfirmed(), *spans],
            "report": [{"reference": document}],
            **shared,
        }
    found: Tree = {"detail": [{"reference": document}]}
    if spans:
        found["extension"] = spans
    return {
        "resourceType": "Condition",
        "verificationStatus": UNCONFIRMED,
        "category": [{"coding": [DIAGNOSIS]}],
        "extension": [suggestion(code)],
        "evidence": [found],
        **shared,
    }


def _outcome(warnings: Sequence[str]) -> Tree:
    issues = [{"severity": "warning", "code": "informational", "diagnostics": warning} for warning in warnings]
    return {"resourceType": "OperationOutcome", "issue": issues}
