"""How often a row (a phrase) goes with a column (a code): compressed sparse rows of counts."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CountTable:
    """R rows of distinct columns with their counts.

    Shape:
        notes (R,) int32, notes that have the row; indptr (R + 1,) int64; columns, counts (K,) int32.
    """

    notes: np.ndarray
    indptr: np.ndarray
    columns: np.ndarray
    counts: np.ndarray

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells of several rows: the place among ``rows``, the column, the count; (k,) int64 each."""
        starts = self.indptr[rows]
        sizes = self.indptr[rows + 1] - starts
        place = np.repeat(np.arange(len(rows)), sizes)
        before = np.cumsum(sizes) - sizes
        cells = np.arange(len(place)) - before[place] + starts[place]
        return place, self.columns[cells].astype(np.int64), self.counts[cells].astype(np.int64)


def count_table(notes: np.ndarray, rows: np.ndarray, columns: np.ndarray, counts: np.ndarray) -> CountTable:
    """A table from cells in ascending order of rows.

    Shape:
        notes (R,); rows, columns, counts (K,).
    """
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(notes)))]).astype(np.int64)
    return CountTable(notes.astype(np.int32), indptr, columns.astype(np.int32), counts.astype(np.int32))
