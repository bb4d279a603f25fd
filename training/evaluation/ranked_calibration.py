"""Calibration where a reader looks: over the TOP highest-ranked codes of each document.

    ECE = 1/P sum_b | sum of the probabilities in bin b - number of assigned codes in bin b |

over P pairs (document, code) in BINS bins of equal mass: in the order of the probability, pair number r lies in bin
floor(BINS r / P) (Nixon et al. 2019; pairs of equal probability in the order of document and code). Over all pairs
almost every code is rightly near 0, so that even a constant prior looks calibrated; here it does not.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from training.evaluation.bootstrap import Interval, weighted_interval
from training.evaluation.calibration import are_probabilities
from training.evaluation.gold import Gold
from training.evaluation.score_matrix import over_blocks

TOP = 20
BINS = 15


@dataclass(frozen=True)
class RankedPairs:
    """The highest-ranked codes of each document, P pairs sorted by document, then by column."""

    num_documents: int
    documents: np.ndarray
    """int32 (P,), as the columns."""
    columns: np.ndarray
    probabilities: np.ndarray
    """float64 (P,)."""
    truth: np.ndarray
    """Whether the code is assigned, bool (P,)."""


@dataclass(frozen=True)
class Bin:
    """One bin of equal mass."""

    pairs: int
    mean_probability: float
    share_assigned: float


def ranked_pairs(scores: np.ndarray, gold: Gold, top: int = TOP) -> RankedPairs | None:
    """The ``top`` codes of each document, ties to the lower column; None where a score is no probability."""
    if not are_probabilities(scores):
        return None
    top = min(top, scores.shape[1])
    parts = over_blocks(lambda start, stop: _highest(scores[start:stop], top), *scores.shape) if top else []
    columns = np.concatenate([np.zeros(0, dtype=np.int32), *(part.ravel() for part in parts)])
    documents = np.repeat(np.arange(gold.num_documents, dtype=np.int32), top)
    truth = _assigned(documents, columns, gold)
    probabilities = scores[documents, columns].astype(np.float64)
    return RankedPairs(gold.num_documents, documents, columns, probabilities, truth)


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> list[Bin]:
    """The reliability curve: bins of equal mass, by rising probability; empty ones are left out."""
    order = np.argsort(probabilities, kind="stable")
    parts = (order[start:stop] for start, stop in _bounds(len(order), bins) if stop > start)
    return [Bin(len(part), float(probabilities[part].mean()), float(truth[part].mean())) for part in parts]


def ranked_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> float | None:
    """The expected calibration error; None over no pairs."""
    if not len(probabilities):
        return None
    curve = reliability(probabilities, truth, bins)
    return sum(each.pairs * abs(each.mean_probability - each.share_assigned) for each in curve) / len(probabilities)


def ranked_error_interval(
    pairs: RankedPairs, probabilities: np.ndarray, bins: int = BINS, seed: int = 0
) -> Interval | None:
    """The error with its 95% bootstrap interval over documents.

    A resample of few distinct documents looks less calibrated than it is, so the interval lies somewhat high.

    Args:
        probabilities: of the pairs, those of the coder or of another one on the same pairs, (P,).
    """
    if not len(probabilities):
        return None
    order = np.argsort(probabilities, kind="stable")
    documents, excess = pairs.documents[order], (probabilities - pairs.truth)[order]

    def error(counts: np.ndarray) -> float:
        weights = counts[documents]
        drawn = max(int(weights.sum()), 1)  # documents without pairs may be drawn alone
        number = (np.cumsum(weights) - weights) * bins // drawn
        sums = np.bincount(np.minimum(number, bins - 1), weights=weights * excess, minlength=bins)
        return float(np.abs(sums).sum() / drawn)

    return weighted_interval(error, pairs.num_documents, seed=seed)


def _highest(block: np.ndarray, top: int) -> np.ndarray:
    """Columns of the highest scores of each row, ascending (n, top); ties to the lower column."""
    least = np.partition(block, -top, axis=1)[:, -top][:, None]
    above, level = block > least, block == least
    wanted = top - above.sum(axis=1, keepdims=True)
    chosen = above | (level & (np.cumsum(level, axis=1) <= wanted))
    return np.nonzero(chosen)[1].astype(np.int32).reshape(len(block), top)


def _assigned(documents: np.ndarray, columns: np.ndarray, gold: Gold) -> np.ndarray:
    keys = gold.rows * gold.num_labels + gold.columns  # sorted, as Gold says
    if not keys.size:
        return np.zeros(len(columns), dtype=bool)
    wanted = documents.astype(np.int64) * gold.num_labels + columns
    found: np.ndarray = keys[np.minimum(np.searchsorted(keys, wanted), keys.size - 1)] == wanted
    return found


def _bounds(number: int, bins: int) -> list[tuple[int, int]]:
    """First and last pair of each bin, so that pair r lies in bin floor(bins r / number)."""
    edges = [-(-number * each // bins) for each in range(bins + 1)]
    return list(pairwise(edges))
