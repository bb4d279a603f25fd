"""Explanations of a bundle measured on a sample, in the report and on the command line."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.coder import Coder
from model.dataset import CodeSpan, Document
from model.errors import InvalidOption
from model.network.int8_encoder import Int8Encoder
from tests.factories import LABELS, NOTE, save_tiny_bundle, tiny_coder, tiny_documents, write_tiny_dataset
from tests.tiny_lexical import tiny_lexical
from training.commands import commands
from training.evaluation.explanations import CODES_A_NOTE, ExplainedSample, evaluate_explanations
from training.evaluation.explanations_markdown import explanations_section


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    return tiny_coder(tmp_path_factory.mktemp("explanations") / "bundle")


def annotated() -> list[Document]:
    """Two notes, one with a span of a code that the bundle knows, of one that it does not, and one without evidence."""
    code, start = LABELS[1].key, NOTE.index("hypertension")
    known = CodeSpan(code, start, start + len("hypertension"))
    unknown = CodeSpan(code._replace(code="V99"), 0, 9)
    return [
        Document("a", "p1", "dev", NOTE, (code,), evidence=(known, unknown)),
        Document("b", "p2", "dev", NOTE, (code,), evidence=()),
    ]


def test_both_methods_are_measured_beside_chance(coder: Coder) -> None:
    """Values lie in their ranges; annotated codes of the label space are pairs; a seed gives one answer."""
    found = evaluate_explanations(coder, annotated(), ExplainedSample(5))
    assert found["notes"] == 2
    faithfulness = found["faithfulness"]
    assert set(faithfulness["methods"]) == {"attention", "attingrad", "random"}
    assert 2 <= faithfulness["codes"] <= 2 * CODES_A_NOTE
    assert faithfulness["masked_by"] == "[MASK]"
    for method in faithfulness["methods"].values():
        assert all(-1 <= measure["value"] <= 1 for measure in method.values())
    plausibility = found["plausibility"]
    assert (plausibility["notes"], plausibility["pairs"], plausibility["marked_spans"]) == (1, 1, 1)
    assert set(plausibility["methods"]) == {"attention", "attingrad"}
    assert evaluate_explanations(coder, annotated(), ExplainedSample(5)) == found


def test_spans_of_the_answer_are_measured_where_a_ranker_reads_words(
    coder: Coder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A span that the lexicon alone knows is found there."""
    text = "Invented note: xyz xyz, severe pneumonia today."
    code, start = LABELS[3].key, text.index("pneumonia")
    document = Document("a", "p", "dev", text, (code,), evidence=(CodeSpan(code, start, start + len("pneumonia")),))
    explainer = replace(coder.explainer, lexical=tiny_lexical(LABELS, column=3))
    monkeypatch.setattr(Coder, "explainer", explainer)
    found = evaluate_explanations(coder, [document], ExplainedSample(1))
    answer = found["plausibility"]["methods"]["answer"]
    assert answer["words"]["recall"] == 1.0
    assert "as answered" in explanations_section(found)


def test_a_dataset_without_spans_says_so(coder: Coder) -> None:
    """As does a sample whose spans are all of other codes."""
    plain = evaluate_explanations(coder, tiny_documents(3), ExplainedSample(1))
    assert plain["plausibility"] is None
    assert "not measured, the dataset has no annotated spans." in explanations_section(plain)
    other = evaluate_explanations(coder, annotated()[1:], ExplainedSample(1))
    assert "none of these notes has an annotated span" in explanations_section(other)


def test_a_sample_is_drawn_by_its_seed_and_keeps_its_order() -> None:
    """No document comes twice; more than there are is all of them."""
    documents = tiny_documents(20)
    drawn = ExplainedSample(7, 3).draw(documents)
    assert drawn == ExplainedSample(7, 3).draw(documents) != ExplainedSample(7, 4).draw(documents)
    places = [documents.index(document) for document in drawn]
    assert places == sorted(set(places))
    assert len(places) == 7
    assert ExplainedSample(99).draw(documents) == documents


def test_int8_is_refused_before_anything_is_scored(coder: Coder) -> None:
    """With the remedy."""
    served = replace(coder, int8_encoder=object.__new__(Int8Encoder))
    with pytest.raises(InvalidOption, match="--precision bf16 or fp32"):
        evaluate_explanations(served, tiny_documents(1), ExplainedSample(1))


def test_the_verb_writes_them_into_the_report(tmp_path: Path) -> None:
    """Asked for, and left out where not; stored scores explain nothing."""
    write_tiny_dataset(tmp_path / "data")
    save_tiny_bundle(tmp_path / "bundle")
    arguments = ["evaluate", "--data", f"{tmp_path}/data", "--split", "dev"]
    asked = [*arguments, "--bundle", f"{tmp_path}/bundle", "--explanations", "2", "--seed", "1"]
    done = CliRunner().invoke(commands, [*asked, "--out", f"{tmp_path}/report"])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "report" / "report.md").read_text()
    assert "## Explanations" in text
    assert "2 notes drawn from the split with seed 1" in text
    refused = CliRunner().invoke(
        commands, [*arguments, "--scores", "x.npy", "--explanations", "2", "--out", f"{tmp_path}/other"]
    )
    assert isinstance(refused.exception, InvalidOption)
