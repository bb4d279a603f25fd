"""The global threshold that maximises micro-F1 on the validation split."""

from collections.abc import Sequence

import numpy as np

from model.errors import EmptyDataset
from training.evaluation.gold import Gold
from training.evaluation.score_matrix import block_results, checked_scores, exact_threshold

GRID = np.linspace(0, 1, 100)
"""The grid of the published evaluations (Edin et al. 2023)."""


def best_global_threshold(
    scores: np.ndarray, positives: Sequence[np.ndarray], extra_positives: np.ndarray | None = None
) -> float:
    """The grid value with the highest micro-F1 of ``score > threshold``; of equals the lowest.

    Args:
        scores: validation scores (n, L), probabilities.
        positives: columns of the assigned codes of each validation document.
        extra_positives: assigned codes outside the label space, (n,).

    Raises:
        EmptyDataset: no validation document has a code of the label space.
        ValueError: see Gold.from_rows and checked_scores.
    """
    gold = Gold.from_rows(positives, scores.shape[1], extra_positives)
    scores = checked_scores(scores, gold)
    if not gold.rows.size:
        raise EmptyDataset(
            "no validation document has a code of the label space, so no threshold can be tuned: "
            "prepare the data with a larger dev split"
        )
    limits = np.array([exact_threshold(value, scores) for value in GRID])
    chosen = _cells_above(scores, limits)
    hits = np.sort(scores[gold.rows, gold.columns])
    true = hits.size - hits.searchsorted(limits, "right")
    # One division of whole numbers: equal ratios give equal floats, so argmax sees every tie.
    f1 = 2 * true / (chosen + int(gold.totals.sum()))
    return float(GRID[np.argmax(f1)])


def _cells_above(scores: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Cells strictly above each of the limits, int64 (limits,)."""

    def count(start: int, stop: int) -> np.ndarray:
        block = np.sort(scores[start:stop], axis=None)
        return block.size - block.searchsorted(limits, "right")

    return sum(block_results(count, *scores.shape), np.zeros(limits.size, dtype=np.int64))
