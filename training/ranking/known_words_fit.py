"""Fits the vocabulary by which a bundle recognises text that is not a note."""

from collections.abc import Sequence

from model.dataset import Document
from model.text.known_words import KnownWords, words_of
from model.text.note_form import plain_note
from model.text.personal_words import without_personal
from training.ranking.patients import SEVERAL, of_several, patients_of

LEAST_WORDS = 1000
"""Smallest useful vocabulary; with fewer words ordinary notes would be flagged."""


def fit_known_words(
    documents: Sequence[Document], least: int = SEVERAL, least_words: int = LEAST_WORDS
) -> KnownWords | None:
    """The words in notes of at least ``least`` patients; None where there are fewer than ``least_words``.

    Args:
        least: 1 counts as SEVERAL.
    """
    least = max(least, SEVERAL)
    words = of_several(patients_of(documents), lambda place: learned_words(documents[place]), least)
    return KnownWords(frozenset(words)) if len(words) >= least_words else None


def learned_words(document: Document) -> list[str]:
    """The words of a note in order, without those that name a person."""
    return words_of(without_personal(plain_note(document.text).text))
