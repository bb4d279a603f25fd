"""The most precise phrase of a note for a code, and the assertions about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.lexicon.lexicon import TABLES, Lexicon
from model.lexicon.phrase_matches import phrase_rows, rows_of
from model.text.assertion import Assertion
from model.text.read_note import ReadNote
from model.text.sections import section_at


@dataclass(frozen=True)
class PhraseEvidence:
    """A phrase's first place in the note; offsets are code points, end exclusive."""

    start: int
    end: int
    precision: float
    """Share of the training notes with the phrase in which it stands for the code, or that carry the code."""


@dataclass(frozen=True)
class SpanContext:
    """The section and the assertions of a span."""

    section: str | None
    negated: bool
    family: bool
    historical: bool
    hypothetical: bool


def best_phrases(lexicon: Lexicon, note: ReadNote, columns: Sequence[int]) -> dict[int, PhraseEvidence]:
    """The most precise phrase of the note for each of some codes; none for a code without a match."""
    occurrences = lexicon.index.find(note.words)
    rows = rows_of(occurrences, note.contexts)
    found = phrase_rows(occurrences, note.contexts)
    best: dict[int, tuple[float, int]] = {}
    for name in TABLES:
        matches = lexicon.matches(name, found)
        matches = matches.where(np.isin(matches.column, np.asarray(columns)) & np.isin(matches.row, rows))
        for pair in matches.at_rank(0).tolist():
            column, sure = int(matches.column[pair]), (float(matches.precision[pair]), int(matches.row[pair]))
            best[column] = max(best.get(column, sure), sure)
    evidence = {}
    for column, (precision, row) in sorted(best.items()):
        place = int(np.flatnonzero(rows == row)[0])
        first, words = int(occurrences.start[place]), int(occurrences.length[place])
        start, end = int(note.words.start[first]), int(note.words.end[first + words - 1])
        evidence[column] = PhraseEvidence(start, end, round(precision, 4))
    return evidence


def span_context(note: ReadNote, start: int, end: int) -> SpanContext:
    """Flags of a span of the text: those of any word that it touches, and its section's name."""
    first, last = np.searchsorted(note.words.end, start, side="right"), np.searchsorted(note.words.start, end)
    scope = Assertion(int(np.bitwise_or.reduce(note.contexts[first:last], initial=0)))
    return SpanContext(
        section_at(note.sections, start),
        Assertion.NEGATED in scope,
        Assertion.FAMILY in scope,
        Assertion.HISTORICAL in scope or Assertion.RESOLVED in scope,
        Assertion.HYPOTHETICAL in scope,
    )
