"""The titles of the codes by the beginnings of their words."""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from app.catalogue.code_tree import LAST
from model.labels import LabelSpace

WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class TitleWords:
    """An index of words, without case and accents."""

    codes: LabelSpace

    def columns(self, words: str) -> np.ndarray:
        """Columns of the codes in whose title each of the words begins a word, ascending int64; none for no word."""
        rows = [self._beginning_with(word) for word in folded_words(words)]
        return reduce(np.intersect1d, rows) if rows else np.zeros(0, dtype=np.int64)

    def _beginning_with(self, start: str) -> np.ndarray:
        vocabulary, postings = self._index
        rows = postings[bisect_left(vocabulary, start) : bisect_left(vocabulary, start + LAST)]
        return np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)

    @cached_property
    def _index(self) -> tuple[list[str], list[np.ndarray]]:
        """Sorted words, and the columns of each."""
        found: dict[str, list[int]] = {}
        for column, label in enumerate(self.codes.labels):
            for word in set(folded_words(label.title)):
                found.setdefault(word, []).append(column)
        vocabulary = sorted(found)
        return vocabulary, [np.array(found[word], dtype=np.int64) for word in vocabulary]


def folded_words(text: str) -> list[str]:
    """The words of a text in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
