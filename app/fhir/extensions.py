"""What FHIR has no element for, as extensions of our own; docs/how-to/fhir.md describes each."""

from typing import Any

from icd_coder_client.coding import EvidenceSpan, SuggestedCode

Tree = dict[str, Any]
"""A resource, or a part of one, as parsed JSON."""

BASE = "urn:icd-coder:fhir:"
EVIDENCE = f"{BASE}evidence"
SUGGESTION = f"{BASE}suggestion"
VERIFICATION_STATUS = f"{BASE}verification-status"
ASSERTIONS = ("negated", "family", "historical", "hypothetical")
UNCONFIRMED: Tree = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "unconfirmed"}]
}


def evidence(span: EvidenceSpan) -> Tree:
    """A span of the note: offsets in code points, and its text if a FHIR string may hold it."""
    parts: list[Tree] = [
        {"url": "begin", "valueInteger": span.start},
        {"url": "end", "valueInteger": span.end},
    ]
    if is_fhir_string(span.text):
        parts.append({"url": "text", "valueString": span.text})
    parts.extend({"url": "source", "valueCode": source} for source in span.sources)
    parts.extend({"url": name, "valueBoolean": True} for name in ASSERTIONS if getattr(span, name))
    return {"url": EVIDENCE, "extension": parts}


def suggestion(code: SuggestedCode) -> Tree:
    """Rank, probability and threshold of a suggested code, and whether it is selected."""
    return {
        "url": SUGGESTION,
        "extension": [
            {"url": "rank", "valuePositiveInt": code.rank},
            {"url": "probability", "valueDecimal": code.probability},
            {"url": "threshold", "valueDecimal": code.threshold},
            {"url": "selected", "valueBoolean": code.selected},
        ],
    }


def unconfirmed() -> Tree:
    """The verification status of a Procedure; R4 has this element for Conditions only."""
    return {"url": VERIFICATION_STATUS, "valueCodeableConcept": UNCONFIRMED}


def is_fhir_string(text: str) -> bool:
    """Whether a FHIR string may hold the text (R4, 2.24.0.1): not blank, no control character but tab and line ends."""
    return bool(text.strip()) and all(char >= " " or char in "\t\r\n" for char in text)
