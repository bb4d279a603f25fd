"""Spans of several sources become one where they touch, and say what their sentence says."""

from dataclasses import replace

import pytest

from model.evidence.merge_spans import MOST_SPANS, merge_evidence
from model.prediction import ATTENTION, LEXICON, TITLES, Evidence
from model.text.read_note import ReadNote

TEXT = (
    "Course: heart failure was treated, no pneumonia.\n"
    "Family History: stroke\n"
    "Plan: known old gout; return if fever develops"
)
NOTE = ReadNote(TEXT)


def span(words: str, weight: float, *sources: str) -> Evidence:
    start = TEXT.index(words)
    return Evidence(start, start + len(words), words, weight, sources)


def test_spans_that_touch_become_one_with_all_sources() -> None:
    """In the order of the sources, with the largest weight; parted by a space is touching, by a line is not."""
    merged = merge_evidence(
        NOTE,
        [
            span("heart failure", 0.6, "lexicon"),
            span("failure", 0.2, "attention"),
            span("heart failure was", 1.0, "titles"),
            span("treated", 0.3, "attention"),
        ],
    )
    joined = Evidence(8, 33, "heart failure was treated", 1.0, ("attention", "lexicon", "titles"), section="Course")
    assert merged == (joined,)
    apart = merge_evidence(NOTE, [span("stroke", 0.5, "attention"), span("Plan", 0.5, "attention")])
    assert [found.text for found in apart] == ["stroke", "Plan"][::-1]


@pytest.mark.parametrize(
    ("words", "section", "flag"),
    [
        ("pneumonia", "Course", "negated"),
        ("stroke", "Family History", "family"),
        ("fever", "Plan", "hypothetical"),
    ],
)
def test_a_span_says_what_its_sentence_says(words: str, section: str, flag: str) -> None:
    """Its section and its flags."""
    plain = span(words, 0.5, "attention")
    assert merge_evidence(NOTE, [plain]) == (replace(plain, section=section, **{flag: True}),)


def test_the_order_is_affirmed_then_agreed_then_heavy() -> None:
    """A denied word is shown last, however heavy."""
    merged = merge_evidence(
        NOTE,
        [
            span("pneumonia", 0.9, "attention"),
            span("treated", 0.4, "attention"),
            span("heart", 0.3, "lexicon"),
            span("heart", 0.1, "attention"),
        ],
    )
    assert [found.text for found in merged] == ["heart", "treated", "pneumonia"]


def test_few_spans_remain() -> None:
    """No spans give none, many give MOST_SPANS."""
    assert merge_evidence(NOTE, []) == ()
    words = ("heart", "treated", "pneumonia", "stroke", "Plan", "gout", "fever")
    assert len(merge_evidence(NOTE, [span(word, 0.5, "attention") for word in words])) == MOST_SPANS


def test_function_words_at_the_ends_go_whatever_the_source() -> None:
    """A span of nothing else is none; what a denial says of the content stays."""
    text = "He was on aspirin. There was no fever with rigors."
    wanted = {"was on": LEXICON, "no fever with": TITLES, "aspirin": ATTENTION}
    spans = [
        Evidence(text.index(words), text.index(words) + len(words), words, 0.5, (source,))
        for words, source in wanted.items()
    ]
    separate = [spans[0], spans[1]]
    assert [(found.text, found.negated) for found in merge_evidence(ReadNote(text), separate)] == [("fever", True)]
    assert [found.text for found in merge_evidence(ReadNote(text), [spans[0], spans[2]])] == ["aspirin"]
