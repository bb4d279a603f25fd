"""Label sets of a batch as index lists, so that intersections never touch a dense B x L matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

CANDIDATES_AT_ONCE = 256
"""Columns of the candidate matrix that are laid out together: bounds its memory; untuned."""


@dataclass(frozen=True)
class LabelSets:
    """Label columns of B rows, one row after the other.

    Shape:
        columns (N,) int64, distinct within a row; offsets (B + 1,) int64: row b is
        columns[offsets[b] : offsets[b + 1]].
    """

    columns: Tensor
    offsets: Tensor
    num_labels: int

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int] | np.ndarray | Tensor], num_labels: int) -> "LabelSets":
        """Label sets of one list of columns a row; repeated columns count once.

        Raises:
            ValueError: a column outside 0 to num_labels - 1.
        """
        sets = cls.from_distinct([np.unique(np.asarray(row, dtype=np.int64)) for row in rows], num_labels)
        columns = sets.columns
        if len(columns) and (columns.min() < 0 or columns.max() >= num_labels):
            raise ValueError(f"rows name the labels {columns.min()} to {columns.max()}, num_labels is {num_labels}")
        return sets

    @classmethod
    def from_distinct(cls, rows: Sequence[np.ndarray], num_labels: int) -> "LabelSets":
        """Label sets of rows that are known to hold distinct columns of the label space, which is not checked."""
        columns = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return cls(torch.from_numpy(columns), torch.from_numpy(offsets), num_labels)

    @classmethod
    def from_multi_hot(cls, labels: Tensor) -> "LabelSets":
        """Label sets of a multi-hot matrix (B, L)."""
        rows, columns = (labels > 0).nonzero(as_tuple=True)
        sizes = torch.bincount(rows, minlength=len(labels))
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        return cls(columns, offsets, labels.shape[1])

    @classmethod
    def joined(cls, parts: Sequence["LabelSets"]) -> "LabelSets":
        """The rows of several, one after the other; all of one label space and device.

        Raises:
            ValueError: parts with different numbers of labels, or no part.
        """
        numbers = sorted({part.num_labels for part in parts})
        if len(numbers) != 1:
            raise ValueError(f"parts must share one num_labels, got {numbers}")
        sizes = torch.cat([part.sizes for part in parts])
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        return cls(torch.cat([part.columns for part in parts]), offsets, numbers[0])

    def last(self, number: int) -> "LabelSets":
        """The last ``number`` rows, or all where there are fewer."""
        first = max(0, len(self) - number)
        start = int(self.offsets[first])
        return LabelSets(self.columns[start:], self.offsets[first:] - start, self.num_labels)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def sizes(self) -> Tensor:
        """Labels of each row, int64 (B,)."""
        return self.offsets.diff()

    @cached_property
    def rows(self) -> Tensor:
        """Row of each entry of ``columns``, int64 (N,)."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.offsets.device), self.sizes)

    @cached_property
    def counts(self) -> Tensor:
        """Rows that have each label, int64 (L,)."""
        return torch.bincount(self.columns, minlength=self.num_labels)

    def to(self, device: torch.device | str) -> "LabelSets":
        """The same sets on a device."""
        return LabelSets(self.columns.to(device), self.offsets.to(device), self.num_labels)

    def to_multi_hot(self) -> Tensor:
        """Multi-hot matrix (B, L), float32: the slow twin's form."""
        dense = torch.zeros(len(self), self.num_labels, device=self.columns.device)
        dense[self.rows, self.columns] = 1
        return dense

    def shared(self, others: "LabelSets", weights: Tensor | None = None) -> Tensor:
        """Sum over the labels that two rows share of 1, or of each label's weight.

        Each row of ``self`` adds up the candidate rows of its labels, over the labels that the candidates have:
        N * M additions instead of the B * L * M of a matrix product.

        Args:
            weights: (L,), by label.

        Shape:
            self (B rows), others (M rows); returns (B, M) float32, or of the weights' type.
        """
        present = others.counts > 0
        place = present.cumsum(0) - 1  # of each present label among the present ones
        kept = present[self.columns]
        entries = place[self.columns[kept]]
        starts = torch.cat([kept.new_zeros(1, dtype=torch.int64), kept.cumsum(0)])[self.offsets[:-1]]
        dtype = torch.float32 if weights is None else weights.dtype
        result = torch.empty(len(self), len(others), dtype=dtype, device=self.columns.device)
        if not len(entries):
            return result.zero_()
        for first in range(0, len(others), CANDIDATES_AT_ONCE):
            last = min(first + CANDIDATES_AT_ONCE, len(others))
            part = slice(int(others.offsets[first]), int(others.offsets[last]))
            columns, rows = others.columns[part], others.rows[part] - first
            table = torch.zeros(int(present.sum()), last - first, dtype=dtype, device=self.columns.device)
            table[place[columns], rows] = 1 if weights is None else weights[columns]
            result[:, first:last] = torch.nn.functional.embedding_bag(entries, table, starts, mode="sum")
        return result


def as_label_sets(labels: "Tensor | LabelSets", name: str, rows: int) -> LabelSets:
    """Labels of either form as index lists, checked.

    Raises:
        ValueError: another shape than (rows, L), or a value other than 0 and 1; names the argument.
    """
    if isinstance(labels, LabelSets):
        if len(labels) != rows:
            raise ValueError(f"{name} has {len(labels)} rows, expected {rows}")
        return labels
    if labels.ndim != 2 or len(labels) != rows:
        raise ValueError(f"{name} must be multi-hot with {rows} rows, got the shape {tuple(labels.shape)}")
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        raise ValueError(f"{name} must be 0 or 1, got {labels[row, column].item()} in row {row}, column {column}")
    return LabelSets.from_multi_hot(labels)
