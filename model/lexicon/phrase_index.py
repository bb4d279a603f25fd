"""Phrases as numbers: a tree of stems, looked up for every place of a note at once.

A phrase of n stems is its first n - 1 (a node of level n - 1) and its last: one integer. A level is the sorted array of
these integers, so that a look-up is a binary search, exact and without collisions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from model.text.words import Words


@dataclass(frozen=True)
class Occurrences:
    """Where phrases stand in a note, N of them.

    Shape:
        phrase, start, length (N,) int64: number of the phrase, place of its first word, its words.
    """

    phrase: np.ndarray
    start: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class PhraseIndex:
    """Phrases numbered level by level: those of one stem first."""

    stems: tuple[str, ...]
    levels: tuple[np.ndarray, ...]
    """Sorted keys of each level, int64: node of the level before * V + stem, V stems; of the first level, the stem."""
    counted: np.ndarray
    """Which of the P phrases are found, bool (P,); the others only lead to longer ones."""
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {stem: number for number, stem in enumerate(self.stems)})

    def __len__(self) -> int:
        return sum(map(len, self.levels))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words of each phrase, int64 (P,)."""
        return np.repeat(np.arange(1, len(self.levels) + 1), [len(keys) for keys in self.levels])

    def numbers(self, stems: Sequence[str]) -> np.ndarray:
        """Numbers of stems, int64; -1 for an unknown one."""
        return np.array([self._numbers.get(stem, -1) for stem in stems], dtype=np.int64)

    def find(self, words: Words) -> Occurrences:
        """Every phrase at every place, none across the end of a sentence; the longer after the shorter."""
        none = np.zeros(0, dtype=np.int64)
        parts = [(none, none, none), *self._by_level(self.numbers(words.stems), words.sentence)]
        phrase, start, length = (np.concatenate(column) for column in zip(*parts, strict=True))
        counted = self.counted[phrase]
        return Occurrences(phrase[counted], start[counted], length[counted])

    def _by_level(
        self, numbers: np.ndarray, sentence: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        places = np.arange(len(numbers))
        prefix = np.zeros(len(numbers), dtype=np.int64)
        offset = 0
        for level, keys in enumerate(self.levels):
            inside = places + level < len(numbers)
            places, prefix = places[inside], prefix[inside]
            last = places + level
            going = (numbers[last] >= 0) & (sentence[last] == sentence[places])
            places, prefix = places[going], prefix[going]
            wanted = prefix * len(self.stems) + numbers[places + level]
            node = np.searchsorted(keys, wanted)
            found = np.append(keys, -1)[node] == wanted
            places, prefix = places[found], node[found]
            yield prefix + offset, places, np.full(len(places), level + 1, dtype=np.int64)
            offset += len(keys)
