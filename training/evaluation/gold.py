"""The assigned codes of an evaluated split, as sorted (document, column) pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Gold:
    """Positives of n documents over L columns; Q is the number of (document, column) pairs.

    Pairs are distinct and sorted by document, then by column.
    """

    num_documents: int
    num_labels: int
    rows: np.ndarray
    """Document of each pair, int64 (Q,)."""
    columns: np.ndarray
    """Column of each pair, int64 (Q,)."""
    extra: np.ndarray
    """Assigned codes of each document that the label space lacks, int64 (n,): they can only be missed."""

    @classmethod
    def from_rows(
        cls, positives: Sequence[np.ndarray], num_labels: int, extra_positives: np.ndarray | None = None
    ) -> "Gold":
        """Gold of one column array a document; repeated columns count once.

        Raises:
            ValueError: a column outside the label space, or extra_positives of another length or below 0.
        """
        n = len(positives)
        sizes = np.array([len(columns) for columns in positives], dtype=np.int64)
        flat = np.concatenate([np.asarray(columns, dtype=np.int64) for columns in positives]) if n else sizes
        if flat.size and (flat.min() < 0 or flat.max() >= num_labels):
            raise ValueError(
                f"positives names the columns {flat.min()} to {flat.max()}, the label space has {num_labels}"
            )
        keys = np.unique(np.repeat(np.arange(n), sizes) * max(num_labels, 1) + flat)
        rows, columns = np.divmod(keys, max(num_labels, 1))
        return cls(n, num_labels, rows, columns, _checked_extra(extra_positives, n))

    @cached_property
    def sizes(self) -> np.ndarray:
        """Pairs of each document, int64 (n,)."""
        return np.bincount(self.rows, minlength=self.num_documents)

    @cached_property
    def totals(self) -> np.ndarray:
        """Assigned codes of each document, those outside the label space too, int64 (n,)."""
        totals: np.ndarray = self.sizes + self.extra
        return totals

    @cached_property
    def offsets(self) -> np.ndarray:
        """Pairs of document i are offsets[i] to offsets[i + 1], int64 (n + 1,)."""
        return np.append(np.zeros(1, dtype=np.int64), np.cumsum(self.sizes))

    @cached_property
    def label_counts(self) -> np.ndarray:
        """Documents that carry each code, int64 (L,)."""
        return np.bincount(self.columns, minlength=self.num_labels)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Documents with at least one assigned code, inside the label space or not, int64 (D,)."""
        return np.flatnonzero(self.totals)

    @cached_property
    def present(self) -> np.ndarray:
        """Columns with at least one positive, int64."""
        return np.flatnonzero(self.label_counts)

    @cached_property
    def absent(self) -> np.ndarray:
        """Columns without a positive, int64."""
        return np.flatnonzero(self.label_counts == 0)

    def within(self, columns: np.ndarray) -> np.ndarray:
        """Which pairs lie in the columns, bool (Q,)."""
        member = np.zeros(self.num_labels, dtype=bool)
        member[columns] = True
        inside: np.ndarray = member[self.columns]
        return inside


def _checked_extra(extra_positives: np.ndarray | None, n: int) -> np.ndarray:
    if extra_positives is None:
        return np.zeros(n, dtype=np.int64)
    extra = np.asarray(extra_positives, dtype=np.int64)
    if extra.shape != (n,) or (extra < 0).any():
        raise ValueError(f"extra_positives has the shape {extra.shape}, expected ({n},) of counts from 0 up")
    return extra
