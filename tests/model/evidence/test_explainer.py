"""Evidence of an answer: its sources, and what is said where there is none."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model.bundle import load_bundle
from model.coder import Coder
from model.errors import InvalidOption
from model.evidence.explainer import Explainer, language_of, no_span
from model.labels import Label, LabelSpace
from model.prediction import Evidence
from model.text.read_note import ReadNote
from tests.factories import LABELS, NOTE, tiny_coder
from tests.tiny_lexical import tiny_lexical

UNSEEN = Label("icd9cm", "820.8", "Fracture of femur")
CODE_SET = LabelSpace(
    (
        *LABELS.labels,
        UNSEEN,
    )
)
COLUMNS = np.arange(len(LABELS) + 1)
PNEUMONIA, FEMUR = 3, len(LABELS)
TEXT = f"{NOTE}\nHospital course: severe pneumonia, then fracture of femur."


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    return tiny_coder(tmp_path_factory.mktemp("explained") / "bundle")


def lexical_explainer(coder: Coder) -> Explainer:
    return replace(coder.explainer, lexical=tiny_lexical(LABELS, CODE_SET, PNEUMONIA))


def spans_of(explainer: Explainer, coder: Coder, method: str = "attention") -> dict[int, tuple[Evidence, ...]]:
    scores = coder.score(TEXT)
    return explainer.spans(ReadNote(TEXT), scores.windowed, scores.states, COLUMNS, method)


@pytest.mark.parametrize("method", ["attention", "attingrad"])
def test_a_code_has_the_spans_of_all_its_sources(coder: Coder, method: str) -> None:
    """The classifier's and the lexicon's for a trained code; an unseen one has its name's."""
    found = spans_of(lexical_explainer(coder), coder, method)
    assert set(found) == set(COLUMNS.tolist())
    sources = {source for span in found[PNEUMONIA] for source in span.sources}
    assert sources >= {"lexicon"}
    assert sources <= {method, "lexicon", "titles"}
    assert [(span.text, span.sources) for span in found[FEMUR]] == [("fracture of femur", ("titles",))]
    assert found[FEMUR][0].section == "Hospital course"
    for spans in found.values():
        assert all(TEXT[span.start : span.end] == span.text for span in spans)


def test_without_lexical_channels_attention_alone_speaks(coder: Coder) -> None:
    """With sections and flags all the same; a code beyond the label space has nothing."""
    found = spans_of(coder.explainer, coder)
    assert set(found) == set(range(len(LABELS)))
    spans = [span for spans in found.values() for span in spans]
    assert {span.sources for span in spans} == {("attention",)}
    assert {span.section for span in spans} <= {None, "Past history", "Hospital course"}
    denied = [span for span in spans if "pneumonia" in span.text and span.start < len(NOTE)]
    assert all(span.negated for span in denied)


def test_both_methods_give_shares_and_differ(coder: Coder) -> None:
    """Rows over the tokens of the note, summing to 1."""
    scores = coder.score(TEXT)
    columns = np.arange(len(LABELS))
    rows = [
        coder.explainer.token_weights(scores.windowed, scores.states, columns, method)
        for method in ("attention", "attingrad")
    ]
    for weights in rows:
        assert weights.shape == (len(LABELS), len(scores.windowed.ids))
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert not np.allclose(rows[0], rows[1])


def test_attingrad_is_an_answer_of_the_coder(coder: Coder) -> None:
    """Under inference mode of the caller too; the probabilities are the same."""
    plain = coder.predict([NOTE])[0]
    with torch.inference_mode():
        answer = coder.predict([NOTE], explain="attingrad")[0]
    assert [code.probability for code in answer.codes] == [code.probability for code in plain.codes]
    spans = [span for code in answer.codes for span in code.evidence]
    assert {span.sources for span in spans} == {("attingrad",)}
    assert spans
    assert all(code.evidence or code.no_span for code in answer.codes)


def test_a_code_without_a_span_says_so(coder: Coder) -> None:
    """Attention that is level points at nothing; without evidence asked for nothing is missing."""
    network = deepcopy(coder.network)
    network.label_attention.queries.data.zero_()
    level = replace(coder, network=network)
    codes = level.predict([NOTE])[0].codes
    assert {(code.evidence, code.no_span) for code in codes} == {((), "no span: from classifier")}
    assert {code.no_span for code in level.predict([NOTE], explain="none")[0].codes} == {None}


def test_neighbours_are_named_first() -> None:
    """A code that they alone propose has no words of its own."""
    assert no_span(("neighbours",)) == "no span: from neighbours"
    assert no_span(("classifier", "neighbours")) == "no span: from neighbours and classifier"
    assert no_span(("kin", "linear")) == "no span: from sibling codes and all words together"
    assert no_span(()) == "no span: from classifier"


def test_int8_has_no_gradient(coder: Coder) -> None:
    """The remedy is named."""
    with pytest.raises(InvalidOption, match="--precision bf16"):
        replace(coder.explainer, has_gradient=False).require("attingrad")
    replace(coder.explainer, has_gradient=False).require("attention")


def test_an_int8_coder_refuses_attingrad(int8_bundle: Path) -> None:
    """Before anything is coded."""
    served = load_bundle(int8_bundle, precision="int8", threads=1)
    with pytest.raises(InvalidOption, match="attention"):
        served.predict([NOTE], explain="attingrad")


@pytest.mark.parametrize(
    ("card", "language"),
    [
        ({"data": {"options": {"language": "es"}}}, "es"),
        ({"data": {"options": {"language": "tlh"}}}, "en"),
        ({"data": {"options": []}}, "en"),
        ({}, "en"),
    ],
)
def test_the_card_says_the_language(card: dict[str, object], language: str) -> None:
    """English where it says nothing known."""
    assert language_of(card) == language
