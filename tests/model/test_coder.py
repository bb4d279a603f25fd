"""The coder: ranks, evidence, limits, warnings."""

import re

import numpy as np
import pytest
import torch

from model.coder import Coder
from model.errors import InvalidNote, NoteTooLong
from model.evidence.spans import LONGEST_WORD, evidence_spans
from model.network.windows import SPECIAL
from model.text.note_text import check_note
from tests.factories import LABELS, NOTE, SHORT_NOTE, tiny_coder


@pytest.fixture(scope="module")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Coder:
    return tiny_coder(tmp_path_factory.mktemp("coder") / "bundle")


def test_codes_are_ranked_by_probability_and_carry_their_label(coder: Coder) -> None:
    """Ranks count from 1; title, system and training count are the label's."""
    codes = coder.predict([NOTE], top_k=4)[0].codes
    assert [code.rank for code in codes] == [1, 2, 3, 4]
    assert [code.probability for code in codes] == sorted((code.probability for code in codes), reverse=True)
    known = {(label.system, label.code): label for label in LABELS.labels}
    for code in codes:
        label = known[code.system, code.code]
        assert (code.title, code.train_count) == (label.title, label.count_train)
        assert code.selected == (code.probability > code.threshold)


def test_more_codes_than_there_are_gives_all_of_them(coder: Coder) -> None:
    """top_k beyond the label space is no error."""
    assert len(coder.predict([NOTE], top_k=500)[0].codes) == len(LABELS)


def test_evidence_slices_back_to_the_text_as_given(coder: Coder) -> None:
    """Offsets are code points into the raw note, beyond the basic plane too."""
    text = "\U0001f691 " + NOTE
    spans = [span for code in coder.predict([text])[0].codes for span in code.evidence]
    assert spans
    for span in spans:
        assert text[span.start : span.end] == span.text
        assert span.text.strip() == span.text != ""


def test_no_evidence_on_request(coder: Coder) -> None:
    """explain="none" skips the attention weights."""
    assert all(code.evidence == () for code in coder.predict([NOTE], explain="none")[0].codes)


def test_a_note_gets_the_same_answer_whatever_its_batch_mates(coder: Coder) -> None:
    """Alone, and between others."""
    alone = coder.predict([SHORT_NOTE])[0]
    between = coder.predict([NOTE, SHORT_NOTE, NOTE * 4])[1]
    assert alone.codes == between.codes
    np.testing.assert_array_equal(alone.embedding, between.embedding)


def test_embed_gives_the_unit_rows_of_predict(coder: Coder) -> None:
    """The same vector is indexed and searched with."""
    rows = coder.embed([NOTE, SHORT_NOTE])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(rows[1], coder.predict([SHORT_NOTE])[0].embedding)
    assert coder.embed([]).shape == (0, coder.embedding_dim)


def test_a_truncated_note_warns_with_both_counts(coder: Coder) -> None:
    """max_tokens of the factory's bundle is 256."""
    answer = coder.predict(["word " * 300])[0]
    assert answer.tokens.truncated
    assert "only the first 256 of 300 tokens were read" in answer.warnings


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("", InvalidNote, "empty"),
        (" \n\t", InvalidNote, "empty"),
        ("abc\0def", InvalidNote, "position 3"),
        ("abc\ud800", InvalidNote, "surrogate at position 3"),
        ("x" * 1_000_001, NoteTooLong, "1000001 characters"),
    ],
)
def test_a_text_that_is_no_note_is_refused_without_its_words(
    coder: Coder, text: str, error: type[Exception], said: str
) -> None:
    """The message tells the position and never the text."""
    with pytest.raises(error, match=said) as caught:
        coder.predict([text])
    assert "abc" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None  # an error that is only hidden would still carry the note
    with pytest.raises(error):
        check_note(text)


def test_bad_arguments_are_named(coder: Coder) -> None:
    """ValueError with the argument's name."""
    with pytest.raises(ValueError, match="top_k"):
        coder.predict([NOTE], top_k=0)
    with pytest.raises(ValueError, match="explain"):
        coder.predict([NOTE], explain="guess")
    with pytest.raises(ValueError, match="texts"):
        coder.predict(NOTE)


def test_codes_of_equal_probability_keep_the_order_of_the_labels(coder: Coder) -> None:
    """Ties go to the code that sorts first, and a probability that equals the threshold selects nothing."""
    from copy import deepcopy
    from dataclasses import replace

    network = deepcopy(coder.network)
    with torch.no_grad():
        for parameter in (network.label_attention.output.weight, network.label_attention.weights):
            parameter.zero_()
        network.label_attention.bias.zero_()
    level = replace(coder, network=network)
    codes = level.predict([NOTE], top_k=4)[0].codes
    assert [code.code for code in codes] == [label.code for label in LABELS.labels[:4]]
    assert [code.probability for code in codes] == [0.5] * 4
    assert not any(code.selected for code in codes)


def test_evidence_is_widened_to_words_merged_and_sorted_by_weight() -> None:
    """Word pieces of one word are one span; a far token is its own; special tokens are none."""
    text = "no cardiomyopathy here, but pneumonia"
    offsets = np.array([(SPECIAL, SPECIAL), (0, 2), (3, 9), (9, 17), (18, 22), (22, 23), (24, 27), (28, 37)])
    offsets = np.concatenate([offsets, np.array([(SPECIAL, SPECIAL)] * 30)])
    weights = np.zeros(len(offsets))
    weights[[0, 2, 7]] = [0.9, 0.4, 0.5]
    spans = evidence_spans(text, weights, offsets)
    assert [(span.text, span.weight) for span in spans] == [("pneumonia", 0.5), ("cardiomyopathy", 0.4)]


def test_evidence_is_content_words_or_none() -> None:
    """Function words have no weight of their own, whatever attention gives them; between content words they stay."""
    text = "was seen by us with acute on chronic pain of the knee"
    places = [(match.start(), match.end()) for match in re.finditer(r"\w+", text)]
    offsets = np.array(places + [(SPECIAL, SPECIAL)] * 60)
    weights = np.zeros(len(offsets))
    weights[: len(places)] = [0.2, 0.0, 0.3, 0.0, 0.1, 0.1, 0.05, 0.05, 0.0, 0.1, 0.0, 0.0]
    spans = evidence_spans(text, weights, offsets)
    assert [(span.text, span.weight) for span in spans] == [("acute on chronic", 0.15)]
    weights[5:] = 0
    assert evidence_spans(text, weights, offsets) == ()


def test_flat_attention_is_no_evidence() -> None:
    """A code that looks everywhere has no span."""
    offsets = np.array([(index, index + 1) for index in range(50)])
    assert evidence_spans("x" * 50, np.full(50, 0.02), offsets) == ()


def test_evidence_in_a_script_without_spaces_stays_short_and_quick() -> None:
    """A million ideographs are no word: a span is widened by a few dozen at most."""
    text = "\u4e2d" * 1_000_000
    offsets = np.array([(index, index + 1) for index in range(3000)])
    weights = np.zeros(3000)
    weights[::4] = 1 / 750
    spans = evidence_spans(text, weights, offsets)
    assert spans
    assert spans[0].end <= 3000 + LONGEST_WORD
    weights[:] = 0
    weights[1000] = 1.0
    assert [span.end - span.start for span in evidence_spans(text, weights, offsets)] == [2 * LONGEST_WORD + 1]


def test_an_endless_unknown_token_is_no_evidence() -> None:
    """WordPiece reads a run of letters without an end as one unknown token over all of it."""
    weights = np.array([0.9, 0.1])
    assert evidence_spans("x" * 100_000, weights, np.array([(0, 100_000), (SPECIAL, SPECIAL)])) == ()


@pytest.mark.parametrize(
    ("text", "token", "expected"),
    [
        ("a naive\u0308te\u0301 case", (2, 6), "naive\u0308te\u0301"),
        ("ab  cd", (2, 3), None),
        ("ab cd", (3, 3), None),
        ("ab cd", (2, 5), "cd"),
        ("\U0001f691\u200d\U0001f692 x", (0, 1), None),
        ("ab: cd", (2, 3), None),
        ("\u05e9\u05dc\u05d5\u05dd x", (1, 2), "\u05e9\u05dc\u05d5\u05dd"),
    ],
    ids=["combining", "space", "no width", "leading space", "emoji", "colon", "right to left"],
)
def test_evidence_is_visible_text_in_whole_words(text: str, token: tuple[int, int], expected: str | None) -> None:
    """Accents belong to their letter, white space to nobody."""
    offsets = np.array([token] + [(SPECIAL, SPECIAL)] * 9)
    spans = evidence_spans(text, np.array([1.0] + [0.0] * 9), offsets)
    assert [span.text for span in spans] == ([] if expected is None else [expected])
    assert all(text[span.start : span.end] == span.text for span in spans)
