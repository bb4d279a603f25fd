"""A prediction as a FHIR R4 Bundle: the document, a Condition or Procedure for each code, and their Provenance."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from app.coding.schemas import PredictRequest
from app.fhir.extensions import BASE, UNCONFIRMED, Tree, evidence, is_fhir_string, suggestion, unconfirmed
from app.wire import JSON
from icd_coder_client.coding import PredictAnswer, SuggestedCode
from model.errors import InvalidOption
from model.icd import ICD9CM, ICD9PCS, ICD10AM, ICD10CA, ICD10CM, ICD10GM, ICD10PCS, ICD10WHO

UNNAMED_SUBJECT: Tree = {"display": "the request names no patient"}
"""R4 requires a subject in every Condition."""
SYSTEM_URIS = {
    ICD9CM: "http://hl7.org/fhir/sid/icd-9-cm",
    ICD9PCS: "http://terminology.hl7.org/CodeSystem/ICD-9CM-procedurecodes",
    ICD10CM: "http://hl7.org/fhir/sid/icd-10-cm",
    ICD10PCS: "http://www.cms.gov/Medicare/Coding/ICD10",
    ICD10WHO: "http://hl7.org/fhir/sid/icd-10",
    ICD10GM: "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    ICD10AM: "http://hl7.org/fhir/sid/icd-10-am",
    ICD10CA: "http://hl7.org/fhir/sid/icd-10-ca",
}
"""From FHIR R4, "Using ICD-[x] with FHIR", from HL7 Terminology, and from HL7 Germany for ICD-10-GM.
ICD-10-AM is in none of them; its URI follows the pattern of the others."""
PROCEDURES = frozenset({ICD9PCS, ICD10PCS})
"""Systems whose codes become a Procedure; those of the others become a Condition."""
AUTHOR = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author"}
DEVICE = "software"
"""Id of the contained Device in a Provenance."""
DIAGNOSIS = {"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}


def bundle_json(answer: PredictAnswer, request: PredictRequest, kept: Tree | None = None) -> str:
    """The Bundle as JSON text.

    It is not validated here, because ``fhir.resources`` takes 50 ms for 20 codes and over a second for 500, during
    which the event loop would be blocked; the tests validate it.

    Args:
        answer: already redacted to the scopes of the caller.
        request: the request that was answered.
        kept: elements to copy from the DocumentReference that was sent; None if none was sent.

    Raises:
        InvalidOption: the bundle answers with labels that are no ICD codes.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    document = _document(request, kept)
    subject = _subject(document)
    place = _address()
    codes = {_address(): _coded(code, subject, place) for code in answer.codes}
    resources = {place: document, **codes}
    resources[_address()] = _provenance(answer.bundle_id, list(codes) or [place], place, now)
    if answer.warnings:
        resources[_address()] = _outcome(answer.warnings)
    entries = [{"fullUrl": address, "resource": resource} for address, resource in resources.items()]
    tree = {"resourceType": "Bundle", "type": "collection", "timestamp": now, "entry": entries}
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def _address() -> str:
    return f"urn:uuid:{uuid4()}"


def _document(request: PredictRequest, kept: Tree | None) -> Tree:
    """The DocumentReference of the note, without its text: not every caller may read the text of a stored note."""
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
    """The subject of the document, without a reference to a contained resource, which is not copied."""
    subject: Tree = document.get("subject", {})
    if subject.get("reference", "").startswith("#"):
        subject = {name: value for name, value in subject.items() if name != "reference"}
        document.pop("subject")
        if subject:
            document["subject"] = subject
    return subject or UNNAMED_SUBJECT


def _coded(code: SuggestedCode, subject: Tree, document: str) -> Tree:
    if code.system not in SYSTEM_URIS:
        raise InvalidOption(
            f"FHIR has no code system for {code.system}, which are no ICD codes: ask for {JSON} or text/csv"
        )
    coding = {"system": SYSTEM_URIS[code.system], "code": code.code}
    if is_fhir_string(code.title):
        coding["display"] = code.title
    shared: Tree = {"code": {"coding": [coding]}, "subject": subject}
    spans = [evidence(span) for span in code.evidence]
    if code.system in PROCEDURES:
        # A Procedure has no evidence in R4, so the document is its report and the spans are extensions.
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


def _provenance(bundle_id: str, targets: Sequence[str], document: str, recorded: str) -> Tree:
    """The Provenance: which bundle suggested the targets, from which document.

    Args:
        bundle_id: the bundle of the coder, not a FHIR Bundle.
        targets: fullUrl of each suggested code; of the document if there is none.
        document: fullUrl of the document.
        recorded: time of the prediction as a FHIR instant.
    """
    device = {
        "resourceType": "Device",
        "id": DEVICE,
        "identifier": [{"system": f"{BASE}bundle-id", "value": bundle_id}],
        "deviceName": [{"name": "icd-coder", "type": "model-name"}],
    }
    agent = {
        "type": {"coding": [AUTHOR]},
        "who": {"reference": f"#{DEVICE}", "display": f"icd-coder, bundle {bundle_id}"},
    }
    return {
        "resourceType": "Provenance",
        "contained": [device],
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "agent": [agent],
        "entity": [{"role": "source", "what": {"reference": document}}],
    }


def _outcome(warnings: Sequence[str]) -> Tree:
    issues = [{"severity": "warning", "code": "informational", "diagnostics": warning} for warning in warnings]
    return {"resourceType": "OperationOutcome", "issue": issues}
