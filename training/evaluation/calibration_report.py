"""What a report says about calibration: the error of the highest-ranked codes, its curve, and Brier scores."""

from dataclasses import asdict
from typing import Any

import numpy as np

from training.evaluation.brier import brier_scores
from training.evaluation.gold import Gold
from training.evaluation.ranked_calibration import BINS, TOP, ranked_error_interval, ranked_pairs, reliability


def calibration_report(
    scores: np.ndarray, gold: Gold, train_counts: np.ndarray, num_training: int | None = None, seed: int = 0
) -> dict[str, Any] | None:
    """Ready for JSON; None where a score is no probability.

    Args:
        train_counts: training documents of each code, int (L,).
        num_training: training documents in all; with them the label prior stands beside on the same pairs.
    """
    pairs = ranked_pairs(scores, gold)
    if pairs is None:
        return None
    ours = ranked_error_interval(pairs, pairs.probabilities, seed=seed)
    prior = None
    if num_training:
        prior = ranked_error_interval(pairs, train_counts[pairs.columns] / num_training, seed=seed)
    return {
        "codes_a_document": TOP,
        "bins": BINS,
        "pairs": len(pairs.truth),
        "ece": None if ours is None else asdict(ours),
        "ece_of_prior": None if prior is None else asdict(prior),
        "curve": [asdict(each) for each in reliability(pairs.probabilities, pairs.truth)],
        "brier": brier_scores(scores, gold, train_counts),
    }
