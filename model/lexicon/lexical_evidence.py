"""Evidence of the lexical channels: spans of a note that match phrases of the lexicon or names of codes."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from model.lexicon.lexical_channels import LexicalChannels
from model.lexicon.phrase_evidence import best_phrases
from model.lexicon.titles import CoveringWords
from model.prediction import LEXICON, TITLES, Evidence
from model.text.read_note import ReadNote

SURE_PHRASE = 0.1
"""A less precise phrase is shown only where the code has no other evidence; untuned."""
GAP = 1
"""Words between two words of a name that one span may hold ("fracture of femur"); untuned."""
MOST_RUNS = 100
"""Spans of one name that are merged with those of other sources: its first ones; untuned."""
LONGEST_RUN = 20
"""Words of one name that a span holds: where a note repeats a word, it would hold all of them; untuned."""


def lexical_spans(channels: LexicalChannels, note: ReadNote, columns: np.ndarray) -> dict[int, tuple[Evidence, ...]]:
    """Spans by column: of each code's most precise phrase, and of the words that cover a name of it best.

    Args:
        columns: of the code set, int64.
    """
    spans: dict[int, list[Evidence]] = {}
    for column, words in channels.titles.covering_words(note, columns).items():
        spans[column] = _spans_of_words(note, words)
    for column, phrase in best_phrases(channels.lexicon, note, columns.tolist()).items():
        start, end = phrase.start, phrase.end
        spans.setdefault(column, []).append(Evidence(start, end, note.text[start:end], phrase.precision, (LEXICON,)))
    return {column: tuple(found) for column, found in spans.items()}


def surest(spans: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The spans without imprecise phrases, unless there are no others."""
    sure = tuple(span for span in spans if span.sources != (LEXICON,) or span.weight >= SURE_PHRASE)
    return sure or spans


def _runs(places: np.ndarray) -> Iterator[np.ndarray]:
    for run in np.split(places, np.flatnonzero(np.diff(places) > GAP + 1) + 1):
        for first in range(0, len(run), LONGEST_RUN):
            yield run[first : first + LONGEST_RUN]


def _spans_of_words(note: ReadNote, words: CoveringWords) -> list[Evidence]:
    """Words next to each other, or GAP apart, as one span; none goes beyond its sentence or LONGEST_RUN words."""
    places = words.places[: MOST_RUNS * LONGEST_RUN]
    spans = []
    for run in islice(_runs(places), MOST_RUNS):
        start, end = int(note.words.start[run[0]]), int(note.words.end[run[-1]])
        spans.append(Evidence(start, end, note.text[start:end], round(words.coverage, 4), (TITLES,)))
    return spans
