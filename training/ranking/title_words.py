"""Which words of notes stand for which words of titles, learned from annotated spans: "bleeding" for "hemorrhage",
"riñón" for "kidney".

A span and the title of its code say the same in two vocabularies, as two sentences in two languages do: IBM model 1
(:mod:`training.prepare.word_translation`) in both directions.
"""

from collections.abc import Mapping, Sequence

from training.prepare.word_translation import WordTable, word_strengths
from training.ranking.training_note import TrainingNote

ROUNDS = 8
"""Untuned."""


def learn_title_words(notes: Sequence[TrainingNote], titles: Mapping[int, Sequence[str]]) -> WordTable:
    """Strength, 0 to 1, of each stem of a title for each stem of a note.

    Args:
        titles: stems of the title of each column; a column without one teaches nothing.
    """
    pairs = [
        (note.note.words.stems[span.start : span.end], titles[span.column])
        for note in notes
        for span in note.spans
        if titles.get(span.column)
    ]
    return word_strengths(pairs, ROUNDS)
