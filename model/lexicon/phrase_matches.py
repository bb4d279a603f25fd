"""The phrases of one note, as rows of the lexicon's tables, and the codes that each row points to.

Row 2 p is phrase p as a statement about the patient; row 2 p + 1 is phrase p where it is negated, about the family,
resolved or hypothetical.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.lexicon.phrase_index import Occurrences
from model.text.assertion import NOT_PRESENT, Assertion


@dataclass(frozen=True)
class PhraseRows:
    """Distinct rows, ascending.

    Shape:
        row, times (R,) int64: how often the note has the row; 0: it has the phrase in a scope only; historical (R,)
        bool: every occurrence of the row is history.
    """

    row: np.ndarray
    times: np.ndarray
    historical: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """Whether the note has the row, bool (R,)."""
        has: np.ndarray = self.times > 0
        return has


def rows_of(occurrences: Occurrences, contexts: np.ndarray) -> np.ndarray:
    """Row of each occurrence, int64 (N,)."""
    rows: np.ndarray = occurrences.phrase * 2 + _touched(occurrences, contexts, NOT_PRESENT)
    return rows


def phrase_rows(occurrences: Occurrences, contexts: np.ndarray) -> PhraseRows:
    """The rows that a note has, and the said rows of phrases that it has in scopes only."""
    rows, place, times = np.unique(rows_of(occurrences, contexts), return_inverse=True, return_counts=True)
    now = np.zeros(len(rows), dtype=bool)
    now[place[~_touched(occurrences, contexts, Assertion.HISTORICAL)]] = True
    opposite = np.setdiff1d(rows[rows % 2 == 1] - 1, rows, assume_unique=True)
    every = np.concatenate([rows, opposite])
    order = np.argsort(every)
    times = np.concatenate([times, np.zeros(len(opposite), dtype=np.int64)])
    historical = np.concatenate([~now, np.zeros(len(opposite), dtype=bool)])
    return PhraseRows(every[order], times[order], historical[order])


def _touched(occurrences: Occurrences, contexts: np.ndarray, assertion: Assertion) -> np.ndarray:
    """Whether a word of each occurrence lies in one of the scopes, bool (N,)."""
    inside = np.concatenate([[0], np.cumsum((contexts & np.uint8(assertion)) != 0)])
    touched: np.ndarray = inside[occurrences.start + occurrences.length] > inside[occurrences.start]
    return touched


def cells_of(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells of several rows of a sparse table: the place among ``rows`` and the number of each cell, int64 (k,).

    Shape:
        indptr (R + 1,): where the cells of each row begin and end.
    """
    starts = indptr[rows]
    sizes = indptr[rows + 1] - starts
    place = np.repeat(np.arange(len(rows)), sizes)
    before = np.cumsum(sizes) - sizes
    return place, np.arange(len(place)) - before[place] + starts[place]


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
