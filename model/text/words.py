"""Words of a note with their offsets, stems and sentences."""

import re
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from model.text.sentences import sentences
from model.text.stemming import plain, stem

LONGEST_WORD = 100
"""Characters of a word that are read: no phrase has a longer one, and a stemmer and the order of accents can cost the
square of its length."""
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")  # a decomposed accent belongs to its letter


@dataclass(frozen=True)
class Words:
    """The words of a text in order, T of them.

    Shape:
        start, end (T,) int64 code points, end exclusive; sentence (T,) int64 ascending from 0.
    """

    plain: tuple[str, ...]
    """Lower case, no accents, without what stands behind LONGEST_WORD characters."""
    stems: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    sentence: np.ndarray

    def __len__(self) -> int:
        return len(self.plain)


def read_words(text: str, language: str = "en") -> Words:
    """The words of a text; a text without letters or digits has none.

    Raises:
        InvalidOption, MissingInput: see :func:`model.text.stemming.stem`.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    offsets = np.array(spans, dtype=np.int64).reshape(-1, 2)
    ends = np.array([end for _, end in sentences(text)], dtype=np.int64)
    words = tuple(plain(text[start : min(end, start + LONGEST_WORD)]) for start, end in spans)
    return Words(
        words,
        tuple(map(stem, words, repeat(language))),
        offsets[:, 0],
        offsets[:, 1],
        np.searchsorted(ends, offsets[:, 0], side="right").astype(np.int64),
    )
