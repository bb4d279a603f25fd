"""Areas under curves, exact with ties: micro and macro ROC AUC, micro AUC-PR; and the PR curve.

An area follows from the counts of cells below and level with each positive, so only positives are ranked.
Assigned codes outside the label space have no score and are no part of an area.
"""

import numpy as np

from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import Standing
from training.evaluation.score_matrix import over_blocks


def micro_auc(standing: Standing) -> float | None:
    """Chance that a positive cell scores above a negative cell, ties counting half; None without either."""
    positives = standing.scores.size
    negatives = standing.cells - positives
    if not positives or not negatives:
        return None
    # Among the positives themselves every ordered pair adds 1, 0 or 1/2: P * P / 2 in all.
    twice = 2 * int(standing.below.sum()) + int(standing.equal.sum()) - positives * positives
    return twice / (2 * positives * negatives)


def micro_average_precision(standing: Standing) -> float | None:
    """Mean over the positive cells of the precision at their score; None without a positive.

    Cells of one score enter together, as in scikit-learn's average_precision_score.
    """
    if not standing.scores.size:
        return None
    found = _positives_from(standing.scores)
    return float((found / (standing.cells - standing.below)).mean())


def precision_recall_curve(standing: Standing) -> tuple[np.ndarray, np.ndarray]:
    """Micro precision and recall just under each distinct positive score, scores falling, (V,) each."""
    order = np.argsort(-standing.scores, kind="stable")
    found = _positives_from(standing.scores)[order]
    precision = found / (standing.cells - standing.below[order])
    last = np.append(np.diff(found) > 0, True) if found.size else np.zeros(0, dtype=bool)
    return precision[last], found[last] / max(found.size, 1)


def label_aucs(scores: np.ndarray, gold: Gold) -> np.ndarray:
    """ROC AUC of every code that has a positive and a negative, in column order, float64 (at most L,)."""
    columns = np.flatnonzero((gold.label_counts > 0) & (gold.label_counts < gold.num_documents))
    by_column = np.argsort(gold.columns, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(gold.label_counts)])

    def areas(start: int, stop: int) -> np.ndarray:
        block = np.ascontiguousarray(scores[:, columns[start:stop]].T)  # (columns, n)
        result = np.empty(stop - start)
        for index, column in enumerate(columns[start:stop].tolist()):
            own = block[index, gold.rows[by_column[bounds[column] : bounds[column + 1]]]]
            line = np.sort(block[index])
            twice = int(line.searchsorted(own, "left").sum()) + int(line.searchsorted(own, "right").sum())
            result[index] = (twice - own.size**2) / (2 * own.size * (line.size - own.size))
        return result

    blocks = over_blocks(areas, columns.size, gold.num_documents)
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _positives_from(scores: np.ndarray) -> np.ndarray:
    """How many of the scores are at least as high as each, int64 (Q,)."""
    ordered = np.sort(scores)
    return scores.size - ordered.searchsorted(scores, "left")
