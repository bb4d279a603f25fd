"""The combiner: from the features of a candidate to one score, out of plain numbers.

``training/ranking/combiner_fit.py`` fits with scikit-learn and exports: boosted trees as arrays of nodes, or a
logistic regression. Nothing is unpickled, and the score equals scikit-learn's ``predict_proba``.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np

from model.ranking.calibration import sigmoid

ROWS_AT_ONCE = 512
"""Candidates that walk down the trees together: their places stay in the processor's cache."""


class Combiner(Protocol):
    """A fitted combiner; its fields are arrays, so that a bundle can hold it."""

    kind: ClassVar[str]

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Scores in 0 to 1, float64 (C,), of features (C, F) with NaN where a channel has none."""


@dataclass(frozen=True)
class TreeCombiner:
    """Boosted regression trees: sigmoid(baseline + sum over trees of the leaf's value).

    Nodes of all trees lie in one list, N of them; a leaf is its own left and right child.
    """

    kind: ClassVar[str] = "trees"
    baseline: np.ndarray
    """(1,) float64."""
    roots: np.ndarray
    """Node at the top of each tree, int64 (T,)."""
    depth: np.ndarray
    """Of the deepest tree, int64 (1,)."""
    features: np.ndarray
    """Feature that a node compares, int64 (N,)."""
    thresholds: np.ndarray
    """Up to this value a candidate goes left, float64 (N,)."""
    missing_left: np.ndarray
    """1 where a missing value goes left, uint8 (N,)."""
    left: np.ndarray
    """int64 (N,)."""
    right: np.ndarray
    values: np.ndarray
    """Of the leaves, float64 (N,); 0 elsewhere."""

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Every candidate walks down all trees at once, level by level."""
        parts = [self._raw(values[start : start + ROWS_AT_ONCE]) for start in range(0, len(values), ROWS_AT_ONCE)]
        return sigmoid(self.baseline[0] + np.concatenate([np.zeros(0), *parts]))

    def _raw(self, values: np.ndarray) -> np.ndarray:
        rows, width = values.shape
        silent = np.isnan(values)
        # A missing value is -inf for nodes that send it left and +inf for the others: one comparison serves both.
        filled = np.concatenate([np.where(silent, -np.inf, values), np.where(silent, np.inf, values)], axis=1)
        flat, first = filled.ravel(), (np.arange(rows) * 2 * width)[:, None]
        asked = self.features + np.where(self.missing_left != 0, 0, width)
        place = np.broadcast_to(self.roots, (rows, len(self.roots)))
        for _ in range(int(self.depth[0])):
            right = flat[first + asked[place]] > self.thresholds[place]
            place = self._children[2 * place + right]
        total: np.ndarray = self.values[place].sum(axis=1)
        return total

    @cached_property
    def _children(self) -> np.ndarray:
        """Left and right child of each node in turn, (2 N,)."""
        return np.column_stack([self.left, self.right]).ravel()


@dataclass(frozen=True)
class LogisticCombiner:
    """sigmoid(w . (x - mean) / scale + b), where a missing value counts as the mean."""

    kind: ClassVar[str] = "logistic"
    means: np.ndarray
    """float64 (F,), as scales and weights."""
    scales: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    """(1,)."""

    def scores(self, values: np.ndarray) -> np.ndarray:
        """A weighted sum of standardised features."""
        return sigmoid(self.standardised(values) @ self.weights + self.bias[0])

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """(C, F) float64 with 0 for a missing value."""
        standardised: np.ndarray = (values.astype(np.float64) - self.means) / self.scales
        return np.where(np.isnan(standardised), 0.0, standardised)


@dataclass(frozen=True)
class SplitCombiner:
    """Trees for codes that the classifier knows, and trees for those without a training note.

    In one forest the many assigned codes of the first kind would decide every split; a forest of their own ranks the
    few of the second by their own features (docs/decisions/0020).
    """

    kind: ClassVar[str] = "split trees"
    feature: np.ndarray
    """The feature whose absence (NaN) splits the candidates, int64 (1,)."""
    present: TreeCombiner
    missing: TreeCombiner

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Each candidate by the trees of its kind."""
        missing = np.isnan(values[:, int(self.feature[0])])
        scores = np.empty(len(values))
        scores[missing], scores[~missing] = self.missing.scores(values[missing]), self.present.scores(values[~missing])
        return scores
