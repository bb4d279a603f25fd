"""Fits the vocabulary by which a bundle recognises text that is not a note."""

from collections import Counter
from collections.abc import Iterable

from model.text.known_words import KnownWords, words_of
from model.text.note_form import plain_note

LEAST_NOTES = 2
"""Fewest training notes of a word in the vocabulary, which keeps names and misspellings out."""
LEAST_WORDS = 1000
"""Smallest useful vocabulary; with fewer words ordinary notes would be flagged."""


def fit_known_words(texts: Iterable[str], least_words: int = LEAST_WORDS) -> KnownWords | None:
    """The words of at least LEAST_NOTES texts; None where there are fewer than ``least_words``."""
    counts = Counter(word for text in texts for word in set(words_of(plain_note(text).text)))
    words = frozenset(word for word, count in counts.items() if count >= LEAST_NOTES)
    return KnownWords(words) if len(words) >= least_words else None
