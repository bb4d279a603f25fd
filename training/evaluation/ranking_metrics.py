"""Metrics of the ranking inside each document, averaged over documents: MAP, P@k, R@k, R-precision.

Codes are ranked by falling score, ties by column (code) order. A document without an assigned code is
skipped. Assigned codes outside the label space count in every denominator and are never found.
"""

import numpy as np

from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import cells_ahead
from training.evaluation.score_matrix import checked_scores

CUTOFFS = (5, 8, 15)


def ranking_metrics(gold: Gold, ahead: np.ndarray) -> dict[str, float | None]:
    """Every ranking metric, by name; None where no document has a code.

    Args:
        ahead: cells ranked before each positive, int64 (Q,), of Standing.
    """
    metrics = {"map": mean_or_none(average_precisions(gold, ahead))}
    for k in CUTOFFS:
        metrics[f"precision_at_{k}"] = mean_or_none(precisions_at(gold, ahead, k))
        metrics[f"recall_at_{k}"] = mean_or_none(recalls_at(gold, ahead, k))
    metrics["r_precision"] = mean_or_none(r_precisions(gold, ahead))
    return metrics


def average_precisions(gold: Gold, ahead: np.ndarray) -> np.ndarray:
    """Average precision of each document, float64 (D,) as ``gold.labelled``."""
    found: np.ndarray = average_precision(gold.rows, ahead, gold.totals)[gold.labelled]
    return found


def average_precision(documents: np.ndarray, ahead: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Mean of the precisions at the ranks of a document's codes, NaN without any, float64 (n,).

    Args:
        documents: document of each positive that is ranked, ascending, int64 (Q,).
        ahead: cells ranked before each positive, int64 (Q,).
        totals: assigned codes of each document, those that are not ranked too, int64 (n,).
    """
    order = np.lexsort((ahead, documents))
    first = np.searchsorted(documents, documents)  # the first positive of the same document
    found = np.arange(1, order.size + 1) - first  # positives up to and with this one
    sums = np.bincount(documents, weights=found / (ahead[order] + 1), minlength=len(totals))
    precisions: np.ndarray = np.where(totals > 0, sums / np.maximum(totals, 1), np.nan)
    return precisions


def mean_average_precision(scores: np.ndarray, gold: Gold) -> float:
    """MAP over all columns of a score matrix (n, L); 0 where no document has a code."""
    ahead = cells_ahead(checked_scores(scores, gold), gold, np.arange(gold.num_labels))
    return mean_or_none(average_precisions(gold, ahead)) or 0.0


def precisions_at(gold: Gold, ahead: np.ndarray, k: int) -> np.ndarray:
    """Assigned codes among the first k, divided by k (even over fewer than k columns), float64 (D,)."""
    hits: np.ndarray = _hits(gold, ahead < k)[gold.labelled] / k
    return hits


def recalls_at(gold: Gold, ahead: np.ndarray, k: int) -> np.ndarray:
    """Share of the assigned codes that are among the first k, float64 (D,)."""
    return _per_labelled(gold, _hits(gold, ahead < k))


def r_precisions(gold: Gold, ahead: np.ndarray) -> np.ndarray:
    """Precision at as many codes as are assigned, float64 (D,)."""
    return _per_labelled(gold, _hits(gold, ahead < gold.totals[gold.rows]))


def mean_or_none(values: np.ndarray) -> float | None:
    """The mean as a plain number; None over nothing."""
    return float(values.mean()) if values.size else None


def _hits(gold: Gold, found: np.ndarray) -> np.ndarray:
    return np.bincount(gold.rows[found], minlength=gold.num_documents)


def _per_labelled(gold: Gold, sums: np.ndarray) -> np.ndarray:
    shares: np.ndarray = sums[gold.labelled] / gold.totals[gold.labelled]
    return shares
