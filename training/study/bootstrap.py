"""Paired bootstrap over documents and seeds at once, and Holm's correction.

A resample draws judged documents with replacement, and seeds with replacement, the same ones for both sides of a
difference. With few seeds the interval is a little too narrow; the report says how many there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value, its percentile interval, and the two-sided p of its being 0 (for a difference)."""

    value: float
    low: float
    high: float
    p: float


class Resampling:
    """The same resamples of n documents for every figure."""

    def __init__(self, documents: int, resamples: int = RESAMPLES, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        chances = np.full(documents, 1 / documents)
        self._weights = generator.multinomial(documents, chances, size=resamples).astype(np.float32)  # (R, n)
        self._seed = seed

    def mean(self, parts: np.ndarray, wholes: np.ndarray) -> Estimate:
        """The mean over seeds of sum(part) / sum(whole).

        Shape:
            parts, wholes: (S, n), of each seed and document.
        """
        observed, drawn = self._ratios(parts, wholes)
        return self._estimate(observed, drawn)

    def difference(
        self, parts: np.ndarray, wholes: np.ndarray, other_parts: np.ndarray, other_wholes: np.ndarray
    ) -> Estimate:
        """The mean over seeds of ours minus theirs, both (S, n) on the same seeds and documents."""
        ours, ours_drawn = self._ratios(parts, wholes)
        theirs, theirs_drawn = self._ratios(other_parts, other_wholes)
        return self._estimate(ours - theirs, ours_drawn - theirs_drawn)

    def _ratios(self, parts: np.ndarray, wholes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ratios of all documents (S,), and of each resample of them (R, S)."""
        observed = _share(parts.sum(axis=1), wholes.sum(axis=1))
        drawn = _share(
            (self._weights @ parts.T.astype(np.float32)).astype(np.float64),
            (self._weights @ wholes.T.astype(np.float32)).astype(np.float64),
        )
        return observed, drawn

    def _estimate(self, observed: np.ndarray, drawn: np.ndarray) -> Estimate:
        seeds = len(observed)
        chances = np.full(seeds, 1 / seeds)
        weights = np.random.default_rng(self._seed + 1).multinomial(seeds, chances, size=len(drawn)) / seeds  # (R, S)
        means = (drawn * weights).sum(axis=1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        beyond = min(int((means <= 0).sum()), int((means >= 0).sum()))
        return Estimate(float(observed.mean()), float(low), float(high), min(1.0, 2 * (1 + beyond) / (1 + len(means))))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for the number of tests (Holm 1979, step-down), in their own order."""
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)
    return shares
