"""Which words of the training notes a bundle keeps, to tell a note from a text of another kind."""

from collections import Counter
from collections.abc import Iterable

from model.text.known_words import KnownWords, words_of

LEAST_NOTES = 2
"""Training notes with a word that is kept: a name or a slip of one note is not."""
LEAST_WORDS = 1000
"""Words below which a new note may well consist of others; then nothing is kept, and nothing doubted."""


def fit_known_words(texts: Iterable[str], least_words: int = LEAST_WORDS) -> KnownWords | None:
    """The words in at least LEAST_NOTES texts; None where they are too few to tell."""
    counts = Counter(word for text in texts for word in set(words_of(text)))
    words = frozenset(word for word, count in counts.items() if count >= LEAST_NOTES)
    return KnownWords(words) if len(words) >= least_words else None
