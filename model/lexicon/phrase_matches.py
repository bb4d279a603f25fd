"""Which phrases of a note point to which codes, and how surely."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class PhraseMatches:
    """Pairs of a phrase and a code, K of them, with what training notes say about the pair.

    Shape:
        row, column, count, notes (K,) int64: row of the phrase, column of the code, training notes of both and of the
        phrase; precision (K,) float64; own, historical (K,) bool: as of the row, in PhraseRows.
    """

    row: np.ndarray
    column: np.ndarray
    count: np.ndarray
    notes: np.ndarray
    precision: np.ndarray
    own: np.ndarray
    historical: np.ndarray

    def where(self, kept: np.ndarray) -> "PhraseMatches":
        """The pairs of a boolean mask (K,)."""
        return PhraseMatches(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))

    @cached_property
    def order(self) -> np.ndarray:
        """Pairs by column, the surest of a column first, ties as they come, (K,) int64."""
        key = self.column - self.precision / 2  # one sort instead of two; 0 < precision < 1
        return np.argsort(key, kind="stable")

    @cached_property
    def rank(self) -> np.ndarray:
        """Place of each pair of ``order`` within its column, from 0, (K,) int64."""
        columns = self.column[self.order]
        first = np.flatnonzero(np.diff(columns, prepend=-1))
        rank: np.ndarray = np.arange(len(columns)) - np.repeat(first, np.diff(np.append(first, len(columns))))
        return rank

    def at_rank(self, rank: int) -> np.ndarray:
        """Pairs that hold a place within their column, ascending by column."""
        return np.asarray(self.order[self.rank == rank])

    def up_to_rank(self, rank: int) -> np.ndarray:
        """Pairs at the first ``rank`` places of their columns."""
        return self.order[self.rank < rank]
