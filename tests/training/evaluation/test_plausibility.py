"""Agreement of found with annotated spans, counted by hand."""

import pytest

from model.text.words import read_words
from training.evaluation.plausibility import SpanAgreement, precision_recall_f1, span_agreement

TEXT = "Severe heart failure today, then a fall on ice."
WORDS = read_words(TEXT)


def at(words: str) -> tuple[int, int]:
    return TEXT.index(words), TEXT.index(words) + len(words)


def test_words_and_spans_are_counted() -> None:
    """Found: three words and one; marked: two and two. "Severe heart failure" shares 2 of 3 words, "then" nothing."""
    agreement = span_agreement(WORDS, [at("Severe heart failure"), at("then")], [at("heart failure"), at("on ice")])
    assert agreement == SpanAgreement(1, 2, 4, 4, 2, 1, 2, 1)


@pytest.mark.parametrize(
    ("found", "matches"), [("failure", 1), ("Severe heart failure today", 1), ("heart failure today, then a", 0)]
)
def test_half_of_the_words_together_is_a_match(found: str, matches: int) -> None:
    """One of two, two of four; two of five is none."""
    assert span_agreement(WORDS, [at(found)], [at("heart failure")]).matched_found == matches


def test_a_piece_of_a_word_is_the_word_and_a_comma_is_none() -> None:
    """Tokens of an encoder end inside words."""
    assert span_agreement(WORDS, [at("fail")], [at("failure")]).shared_words == 1
    comma = (TEXT.index(","), TEXT.index(",") + 1)
    assert span_agreement(WORDS, [comma], [at("failure")]) == SpanAgreement(1, 0, 0, 1, 0, 0, 1, 0)


def test_repeated_and_overlapping_spans_count_their_words_once() -> None:
    """But as spans they are two, and both match."""
    agreement = span_agreement(WORDS, [at("heart failure"), at("failure")], [at("heart failure")])
    assert agreement == SpanAgreement(1, 2, 2, 2, 2, 2, 1, 1)


def test_sums_and_shares() -> None:
    """Counts add up; nothing found is 0, not a division by 0."""
    assert SpanAgreement(1, 2, 3, 4, 5, 6, 7, 8) + SpanAgreement(1, 1, 1, 1, 1, 1, 1, 1) == SpanAgreement(
        2, 3, 4, 5, 6, 7, 8, 9
    )
    assert precision_recall_f1(1, 2, 1, 1) == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}
    assert precision_recall_f1(0, 0, 0, 3) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
