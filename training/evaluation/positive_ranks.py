"""Where each positive stands among the scores: the counts from which every ranking metric follows.

Only positives are ranked. The counts over disjoint sets of columns add up, so a matrix that is split into
the columns with and without a positive is sorted once for both code populations.
"""

from dataclasses import dataclass

import numpy as np

from training.evaluation.gold import Gold
from training.evaluation.score_matrix import block_results, over_blocks


@dataclass(frozen=True)
class Standing:
    """Counts for each positive of a Gold (Q,) over a set of columns."""

    scores: np.ndarray
    """Score of the positive, (Q,)."""
    ahead: np.ndarray
    """Cells of its own document that are ranked before it; ties go to the lower column, int64 (Q,)."""
    below: np.ndarray
    """Cells of all documents with a lower score, int64 (Q,)."""
    equal: np.ndarray
    """Cells of all documents with the same score, int64 (Q,)."""
    cells: int

    def __add__(self, other: "Standing") -> "Standing":
        """Counts over the union of two disjoint sets of columns."""
        return Standing(
            self.scores,
            self.ahead + other.ahead,
            self.below + other.below,
            self.equal + other.equal,
            self.cells + other.cells,
        )


def standing(scores: np.ndarray, gold: Gold, columns: np.ndarray | None = None) -> Standing:
    """Count for each positive the cells of the columns that stand before, below or level with it.

    Args:
        scores: (n, L) without NaN, see checked_scores.
        columns: sorted distinct columns to count over; all when None.
    """
    view = _View(scores, gold, np.arange(gold.num_labels) if columns is None else columns)
    values, place = np.unique(view.own, return_inverse=True)

    def count(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        cells = view.count_ahead(np.arange(start, stop)).reshape(-1)
        cells.sort()
        return cells.searchsorted(values, "left"), cells.searchsorted(values, "right")

    below, up_to = np.zeros(values.size, dtype=np.int64), np.zeros(values.size, dtype=np.int64)
    for block_below, block_up_to in block_results(count, gold.num_documents, view.columns.size):
        below += block_below
        up_to += block_up_to
    cells = gold.num_documents * view.columns.size
    return Standing(view.own, view.ahead, below[place], (up_to - below)[place], cells)


def cells_ahead(scores: np.ndarray, gold: Gold, columns: np.ndarray) -> np.ndarray:
    """``standing(...).ahead`` alone, int64 (Q,), which reads only the documents that have a positive."""
    view = _View(scores, gold, columns)
    documents = np.flatnonzero(gold.sizes)

    def count(start: int, stop: int) -> None:
        view.count_ahead(documents[start:stop])  # its sorted cells are let go

    over_blocks(count, documents.size, columns.size)
    return view.ahead


class _View:
    """Some columns of the scores, with the positives' own scores and their places among those columns."""

    def __init__(self, scores: np.ndarray, gold: Gold, columns: np.ndarray) -> None:
        self.columns = columns
        self.own = scores[gold.rows, gold.columns]  # (Q,)
        self.ahead = np.zeros(self.own.size, dtype=np.int64)
        self._scores = scores
        self._offsets = gold.offsets
        self._place = columns.searchsorted(gold.columns)  # columns that are lower than the positive's
        self._itself = gold.within(columns).astype(np.int64)  # 1 where the positive is one of the cells

    def count_ahead(self, documents: np.ndarray) -> np.ndarray:
        """Fill ``ahead`` for the documents; return their cells, sorted by document."""
        cells = self._scores[np.ix_(documents, self.columns)]
        ordered = np.sort(cells, axis=1)
        for index, document in enumerate(documents.tolist()):
            first, last = self._offsets[document], self._offsets[document + 1]
            if first == last:
                continue
            own, line = self.own[first:last], ordered[index]
            up_to = line.searchsorted(own, "right")
            self.ahead[first:last] = line.size - up_to
            equal = up_to - line.searchsorted(own, "left")
            for tied in np.flatnonzero(equal > self._itself[first:last]).tolist():
                lower = cells[index, : self._place[first + tied]]
                self.ahead[first + tied] += np.count_nonzero(lower == own[tied])
        return ordered
