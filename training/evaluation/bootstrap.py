"""Percentile intervals by resampling documents, seeded; and, for several runs, seeds as well."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
_CELLS = 4_000_000
"""Indices drawn at once, 32 MB."""


@dataclass(frozen=True)
class Interval:
    """A statistic of the documents and the percentile interval of its bootstrap distribution."""

    value: float
    low: float
    high: float
    resamples: int = RESAMPLES
    level: float = LEVEL


def mean_interval(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Interval of the mean of a per-document metric (D,); None over no documents."""
    values = np.asarray(values, dtype=np.float64)
    if not values.size:
        return None
    means = _resampled(lambda chosen: values[chosen].mean(axis=1), values.size, resamples, seed)
    return _interval(float(values.mean()), means)


def paired_difference(
    ours: np.ndarray, theirs: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Interval of the mean of ours minus theirs over the same documents (D,); None over no documents.

    Raises:
        ValueError: another number of documents on each side.
    """
    if len(ours) != len(theirs):
        raise ValueError(
            f"ours has {len(ours)} documents and theirs {len(theirs)}: a paired bootstrap needs the same ones"
        )
    return mean_interval(np.asarray(ours, dtype=np.float64) - theirs, resamples, seed)


def micro_f1_interval(
    true: np.ndarray, false: np.ndarray, missed: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """Interval of micro-F1 from each document's true positives, false positives and missed codes, (n,)."""
    if not len(true):
        return None
    twice = 2 * np.asarray(true, dtype=np.float64)
    weight = twice + false + missed

    def f1(chosen: np.ndarray) -> np.ndarray:
        return _shares(twice[chosen].sum(axis=1), weight[chosen].sum(axis=1))

    everyone = np.arange(len(true))[None]
    return _interval(float(f1(everyone)[0]), _resampled(f1, len(true), resamples, seed))


def paired_micro_difference(
    our_part: np.ndarray,
    our_whole: np.ndarray,
    their_part: np.ndarray,
    their_whole: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Interval of ours minus theirs of sum(part) / sum(whole) over the same documents, (n,) each; None over none.

    A whole of 0 makes a share of 0. Micro-F1: part 2 TP, whole selected + assigned.

    Raises:
        ValueError: another number of documents on each side.
    """
    if len(our_part) != len(their_part):
        raise ValueError(
            f"ours has {len(our_part)} documents and theirs {len(their_part)}: a paired bootstrap needs the same ones"
        )
    if not len(our_part):
        return None
    columns = [np.asarray(values, dtype=np.float64) for values in (our_part, our_whole, their_part, their_whole)]

    def difference(chosen: np.ndarray) -> np.ndarray:
        ours, our_all, theirs, their_all = (values[chosen].sum(axis=1) for values in columns)
        ahead: np.ndarray = _shares(ours, our_all) - _shares(theirs, their_all)
        return ahead

    everyone = np.arange(len(our_part))[None]
    return _interval(float(difference(everyone)[0]), _resampled(difference, len(our_part), resamples, seed))


def weighted_interval(
    statistic: Callable[[np.ndarray], float], documents: int, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Interval of a statistic that takes how often each document was drawn, int (n,)."""
    generator = np.random.default_rng(seed)
    drawn = (np.bincount(generator.integers(documents, size=documents), minlength=documents) for _ in range(resamples))
    value = statistic(np.ones(documents, dtype=np.int64))
    return _interval(value, np.array([statistic(counts) for counts in drawn]))


@dataclass(frozen=True)
class Estimate:
    """A value, its percentile interval, and the two-sided p of its being 0 (for a difference)."""

    value: float
    low: float
    high: float
    p: float


class SeedResampling:
    """The same resamples of n documents for every figure of several runs that differ in their seed.

    A resample draws documents with replacement, and seeds with replacement, the same ones for both sides of a
    difference. With few seeds the interval is a little too narrow.
    """

    def __init__(self, documents: int, resamples: int, seed: int = 0) -> None:
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
        observed = _shares(parts.sum(axis=1), wholes.sum(axis=1))
        drawn = _shares(
            (self._weights @ parts.T.astype(np.float32)).astype(np.float64),
            (self._weights @ wholes.T.astype(np.float32)).astype(np.float64),
        )
        return observed, drawn

    def _estimate(self, observed: np.ndarray, drawn: np.ndarray) -> Estimate:
        seeds = len(observed)
        chances = np.full(seeds, 1 / seeds)
        weights = np.random.default_rng(self._seed + 1).multinomial(seeds, chances, size=len(drawn)) / seeds  # (R, S)
        means = (drawn * weights).sum(axis=1)
        low, high = _percentiles(means)
        beyond = min(int((means <= 0).sum()), int((means >= 0).sum()))
        return Estimate(float(observed.mean()), low, high, min(1.0, 2 * (1 + beyond) / (1 + len(means))))


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.where(whole > 0, part / np.where(whole > 0, whole, 1), 0.0)
    return shares


def _resampled(statistic: Callable[[np.ndarray], np.ndarray], documents: int, resamples: int, seed: int) -> np.ndarray:
    """The statistic of each resample; it maps indices (r, documents) to (r,). Memory is bounded by _CELLS."""
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS // documents)
    parts = [
        statistic(generator.integers(documents, size=(min(step, resamples - start), documents)))
        for start in range(0, resamples, step)
    ]
    return np.concatenate(parts)


def _interval(value: float, statistics: np.ndarray) -> Interval:
    return Interval(value, *_percentiles(statistics), statistics.size)


def _percentiles(statistics: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(statistics, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
