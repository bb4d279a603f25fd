"""The Brier score: mean squared distance between a probability and the truth, overall and by frequency band."""

import numpy as np

from training.evaluation.calibration import are_probabilities
from training.evaluation.frequency_bands import BOUNDS, band_name
from training.evaluation.gold import Gold
from training.evaluation.score_matrix import block_results


def brier_scores(scores: np.ndarray, gold: Gold, train_counts: np.ndarray) -> dict[str, float | None] | None:
    """Brier 1950 over the cells (document, code): under "all", and under the name of each band.

    None where a score is no probability; a band without codes has None.

    Args:
        train_counts: training documents of each code, int (L,).
    """
    if not are_probabilities(scores):
        return None
    sums = _squares_by_column(scores)
    own = scores[gold.rows, gold.columns].astype(np.float64)
    sums += np.bincount(gold.columns, weights=1 - 2 * own, minlength=gold.num_labels)  # (p - 1)^2 - p^2
    found = {"all": _mean(sums, np.ones(gold.num_labels, dtype=bool), gold)}
    for low, high in BOUNDS:
        inside = (train_counts >= low) & (train_counts <= (np.inf if high is None else high))
        found[band_name(low, high)] = _mean(sums, inside, gold)
    return found


def _squares_by_column(scores: np.ndarray) -> np.ndarray:
    def squares(start: int, stop: int) -> np.ndarray:
        total: np.ndarray = (scores[start:stop].astype(np.float64) ** 2).sum(axis=0)
        return total

    return sum(block_results(squares, *scores.shape), np.zeros(scores.shape[1]))


def _mean(sums: np.ndarray, inside: np.ndarray, gold: Gold) -> float | None:
    cells = int(inside.sum()) * gold.num_documents
    return float(sums[inside].sum() / cells) if cells else None
