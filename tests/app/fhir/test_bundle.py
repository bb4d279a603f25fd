"""A Bundle of answers that no bundle of the other tests gives: every ICD system, odd words, many codes."""

import json

import pytest
from fhir.resources.R4B.bundle import Bundle

from app.coding.schemas import PredictRequest
from app.fhir.bundle import bundle_json
from icd_coder_client.answer import Tokens
from icd_coder_client.coding import EvidenceSpan, PredictAnswer, SuggestedCode
from model.errors import InvalidOption
from tests.app.fhir.documents import spans


def suggested(system: str, code: str, word: str = "word", title: str = "Invented") -> SuggestedCode:
    """A code with evidence from two sources."""
    span = EvidenceSpan(start=0, end=4, text=word, sources=["attention", "lexicon"], negated=True)
    return SuggestedCode(
        rank=1, system=system, code=code, title=title, probability=0.25, threshold=0.5, selected=False,
        train_count=1, seen_in_training=True, evidence=[span], neighbour_count=0,
    )  # fmt: skip


def bundle(request: PredictRequest, *codes: SuggestedCode) -> list[dict[str, object]]:
    """The resources of a valid Bundle."""
    answer = PredictAnswer(
        bundle_id="b" * 64, precision="fp32", codes=list(codes), neighbours=[],
        tokens=Tokens(read=1, total=1, truncated=False), warnings=[], timings_ms={},
    )  # fmt: skip
    text = bundle_json(answer, request)
    Bundle.model_validate_json(text)
    return [entry["resource"] for entry in json.loads(text)["entry"]]


@pytest.mark.parametrize(
    ("system", "code", "kind", "uri"),
    [
        ("icd9cm", "E888.9", "Condition", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("icd9pcs", "00.66", "Procedure", "http://terminology.hl7.org/CodeSystem/ICD-9CM-procedurecodes"),
        ("icd10cm", "I21.4", "Condition", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("icd10pcs", "0210093", "Procedure", "http://www.cms.gov/Medicare/Coding/ICD10"),
    ],
)
def test_each_system_has_its_resource_and_uri(system: str, code: str, kind: str, uri: str) -> None:
    """With the code as FHIR spells it, dot included."""
    found = bundle(PredictRequest(text="word"), suggested(system, code))[1]
    assert found["resourceType"] == kind
    assert found["code"] == {"coding": [{"system": uri, "code": code, "display": "Invented"}]}
    (span,) = spans(found)
    assert (span["begin"], span["end"], span["text"], span["negated"]) == (0, 4, "word", True)
    assert "historical" not in span


def test_labels_that_are_no_icd_codes_have_no_code_system() -> None:
    """One sentence, with the forms that there are."""
    with pytest.raises(
        InvalidOption, match="FHIR has no code system for labels.*: ask for application/json or text/csv"
    ):
        bundle(PredictRequest(text="word"), suggested("labels", "Cell death"))


@pytest.mark.parametrize("word", ["\x0b", " ", "\x1f\x1f\x1f\x1f", "\u2028", "a\x07bc"])
def test_words_that_no_fhir_string_can_hold_are_left_out(word: str) -> None:
    """Offsets stay; a title or a patient of such words has no place either."""
    request = PredictRequest(text="word", subject_id="\u2028")
    found = bundle(request, suggested("icd9cm", "401.9", word, word))[1]
    assert "text" not in spans(found)[0]
    assert found["subject"] == {"display": "the request names no patient"}
