"""A note as its codes: a sparse unit vector, by which stored notes are compared with a query's predictions.

A code counts by the square root of its inverse document frequency w: the cosine of two sets of codes S and T is then
the sum of w over S & T, divided by the geometric mean of the sums over S and over T (Salton and McGill 1983, Sec. 6.1,
the cosine of weighted terms), so that a shared rare code says more than a shared common one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_PROBABILITY = 0.01
"""Less probable codes are left out of a vector: they are many and weigh next to nothing."""


@dataclass(frozen=True, eq=False)
class CodeVector:
    """A sparse row over the columns of a code set: a unit row, or empty where a note has no code.

    Shape:
        columns: (n,) int32, ascending; values: (n,) float32, above 0.
    """

    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def empty(cls) -> "CodeVector":
        """The vector of a note without a code."""
        return cls(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))

    def __len__(self) -> int:
        """Number of codes."""
        return len(self.columns)

    def dense(self, width: int, kind: type = np.float32) -> np.ndarray:
        """As a row (width,), without the columns beyond it."""
        found: np.ndarray = np.zeros(width, dtype=kind)
        inside = self.columns < width
        found[self.columns[inside]] = self.values[inside]
        return found


def csr_parts(vectors: Sequence[CodeVector]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, columns and row starts of the vectors as one sparse matrix in CSR form, as SciPy takes them.

    Shape:
        values: (V,) float32; columns: (V,) int32; starts: (n + 1,) int32.
    """
    starts = np.zeros(len(vectors) + 1, dtype=np.int32)
    starts[1:] = np.cumsum([len(vector) for vector in vectors], dtype=np.int32)
    columns = np.concatenate([np.zeros(0, dtype=np.int32), *(vector.columns for vector in vectors)])
    values = np.concatenate([np.zeros(0, dtype=np.float32), *(vector.values for vector in vectors)])
    return values, columns, starts


@dataclass(frozen=True, eq=False)
class CodeVectors:
    """How a bundle writes a note as its codes, and how much they count beside the text."""

    weights: np.ndarray
    """Of every column of the code set, above 0, float32 (U,)."""
    code_share: float
    """Share of the codes in the similarity of two notes, 0 to 1; chosen on validation notes."""

    def assigned(self, columns: np.ndarray) -> CodeVector:
        """The vector of a note whose codes are known; ``columns`` may repeat and have any order."""
        distinct = np.unique(np.asarray(columns, dtype=np.int64))
        return _unit_row(distinct, self.weights[distinct].astype(np.float64))

    def predicted(self, columns: np.ndarray, probabilities: np.ndarray) -> CodeVector:
        """The vector of a note whose codes are predicted: each counts by its calibrated probability too.

        Shape:
            columns: (C,) distinct; probabilities: (C,)
        """
        kept = probabilities >= LEAST_PROBABILITY
        order = np.argsort(columns[kept], kind="stable")
        chosen = columns[kept][order]
        return _unit_row(chosen, self.weights[chosen] * probabilities[kept][order])


def _unit_row(columns: np.ndarray, values: np.ndarray) -> CodeVector:
    if not len(columns):
        return CodeVector.empty()
    unit = values / np.sqrt((values * values).sum())
    return CodeVector(columns.astype(np.int32), unit.astype(np.float32))
