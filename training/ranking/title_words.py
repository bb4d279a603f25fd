"""Which words of notes stand for which words of titles, learned from annotated spans: "bleeding" for "hemorrhage",
"riñón" for "kidney".

A span and the title of its code say the same in two vocabularies, as two sentences in two languages do: IBM model 1
(:mod:`training.prepare.word_translation`) in both directions.
"""

from collections.abc import Mapping, Sequence

from training.prepare.word_translation import learn_translations
from training.ranking.training_note import TrainingNote

ROUNDS = 8
"""Untuned."""
LEAST = 0.01
"""Words go together from this product of the two probabilities on: chosen on CodiEsp's first fold, as is DOUBLED."""
DOUBLED = 2.0
"""strength = min(1, DOUBLED * sqrt(p(title | note) * p(note | title))): two halves make it sure."""

WordTable = Mapping[str, Mapping[str, float]]


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
    forward = learn_translations(pairs, ROUNDS)
    back = learn_translations([(title, words) for words, title in pairs], ROUNDS)
    return {
        word: strengths
        for word, found in forward.items()
        if (
            strengths := {
                title: min(1.0, DOUBLED * product**0.5)
                for title, probability in found.items()
                if (product := probability * back.get(title, {}).get(word, 0.0)) >= LEAST
            }
        )
    }
