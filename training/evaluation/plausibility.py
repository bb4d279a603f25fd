"""Plausibility of explanations: do their spans lie where human coders saw the evidence?

J. DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models" (ACL), Section 4: agreement in
tokens, here words; and in spans, two of which match where their words' intersection over union is at least one half.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from model.text.words import Words

MATCH = 0.5
"""Least intersection over union of two spans that match; that of the paper."""

Span = tuple[int, int]
"""Code points, end exclusive."""


@dataclass(frozen=True)
class SpanAgreement:
    """Counts over some pairs of a note and a code."""

    pairs: int = 0
    shared_words: int = 0
    found_words: int = 0
    marked_words: int = 0
    found_spans: int = 0
    matched_found: int = 0
    """Found spans that match a marked one."""
    marked_spans: int = 0
    matched_marked: int = 0
    """Marked spans that match a found one."""

    def __add__(self, other: "SpanAgreement") -> "SpanAgreement":
        return SpanAgreement(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def span_agreement(words: Words, found: Sequence[Span], marked: Sequence[Span]) -> SpanAgreement:
    """One note and code: the spans of an explanation beside those that a human coder marked."""
    ours, theirs = _word_sets(words, found), _word_sets(words, marked)
    all_ours, all_theirs = set().union(*ours), set().union(*theirs)
    return SpanAgreement(
        pairs=1,
        shared_words=len(all_ours & all_theirs),
        found_words=len(all_ours),
        marked_words=len(all_theirs),
        found_spans=len(ours),
        matched_found=sum(any(_match(one, other) for other in theirs) for one in ours),
        marked_spans=len(theirs),
        matched_marked=sum(any(_match(one, other) for other in ours) for one in theirs),
    )


def precision_recall_f1(matched: int, found: int, recalled: int, marked: int) -> dict[str, float]:
    """Precision matched / found, recall recalled / marked, and their harmonic mean; 0 over nothing."""
    precision, recall = matched / max(found, 1), recalled / max(marked, 1)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def _word_sets(words: Words, spans: Iterable[Span]) -> list[set[int]]:
    """Places of the words that each span touches; spans without a word are left out."""
    sets = [set(np.flatnonzero((words.end > start) & (words.start < end)).tolist()) for start, end in spans]
    return [places for places in sets if places]


def _match(one: set[int], other: set[int]) -> bool:
    return len(one & other) >= MATCH * len(one | other)
