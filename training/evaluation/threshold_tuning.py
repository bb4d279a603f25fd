"""Policies that choose thresholds on the validation split; the result is plain numbers.

``global``: one value with the best micro-F1. ``per-code``: the best F1 of each code, drawn towards the global value
where validation has few of the code. ``precision``: one value, the lowest that reaches a wanted micro precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.errors import EmptyDataset, InvalidOption
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import standing
from training.evaluation.score_matrix import checked_scores, over_blocks

POLICIES = ("global", "per-code", "precision")
SHRINKAGE = 10.0
"""Validation documents with a code at which its own best threshold weighs as much as the global one; untuned."""


@dataclass(frozen=True)
class TunedThreshold:
    """Where codes are selected: above one value, or above a value of each code (L,)."""

    policy: str
    value: float | np.ndarray
    description: str
    """Policy and aim, in words."""


def tune(
    policy: str,
    scores: np.ndarray,
    positives: Sequence[np.ndarray],
    extra_positives: np.ndarray | None = None,
    target_precision: float | None = None,
) -> TunedThreshold:
    """Choose thresholds by a policy on validation scores (n, L).

    Args:
        positives: columns of the assigned codes of each validation document.
        extra_positives: assigned codes outside the label space, (n,).
        target_precision: of the policy ``precision``, above 0 and at most 1.

    Raises:
        InvalidOption: a policy that is not known, or a precision that is missing, out of range or out of reach.
        EmptyDataset, ValueError: see best_global_threshold.
    """
    if policy not in POLICIES:
        raise InvalidOption(f"--policy is '{policy}', expected one of: {', '.join(POLICIES)}")
    if (policy == "precision") != (target_precision is not None):
        raise InvalidOption("--target-precision goes with --policy precision: give both or neither")
    if target_precision is not None:
        value = threshold_for_precision(scores, positives, target_precision)
        return TunedThreshold(policy, value, f"precision, lowest value with micro precision {target_precision:g}")
    if policy == "global":
        return TunedThreshold(
            policy, best_global_threshold(scores, positives, extra_positives), "global, best micro-F1"
        )
    thresholds = thresholds_per_code(scores, positives, extra_positives)
    return TunedThreshold(
        policy, thresholds, f"per code, best F1 shrunk to the global value by {SHRINKAGE:g} documents"
    )


def thresholds_per_code(
    scores: np.ndarray,
    positives: Sequence[np.ndarray],
    extra_positives: np.ndarray | None = None,
    shrinkage: float = SHRINKAGE,
) -> np.ndarray:
    """A threshold for each code, float64 (L,): (m best + shrinkage global) / (m + shrinkage) with m positives.

    ``best`` lies half way between the lowest score that should be selected and the next lower score of the code; of
    equal F1 the lowest. A code without a positive has the global threshold.

    Raises:
        EmptyDataset, ValueError: see best_global_threshold.
    """
    everywhere = best_global_threshold(scores, positives, extra_positives)
    gold = Gold.from_rows(positives, scores.shape[1], extra_positives)
    by_column = np.argsort(gold.columns, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(gold.label_counts)])
    thresholds = np.full(scores.shape[1], everywhere)

    def fit(start: int, stop: int) -> None:
        columns = gold.present[start:stop]
        block = np.ascontiguousarray(scores[:, columns].T)  # (columns, n)
        for line, column in zip(block, columns.tolist(), strict=True):
            own = line[gold.rows[by_column[bounds[column] : bounds[column + 1]]]]
            best = _best_threshold(np.sort(line), np.sort(own))
            thresholds[column] = (own.size * best + shrinkage * everywhere) / (own.size + shrinkage)

    over_blocks(fit, gold.present.size, gold.num_documents)
    return thresholds


def threshold_for_precision(scores: np.ndarray, positives: Sequence[np.ndarray], target: float) -> float:
    """The lowest threshold whose selection has a micro precision of ``target`` or more, float just under a score.

    Raises:
        InvalidOption: a target outside 0 to 1, or one that no threshold reaches.
        EmptyDataset: no validation document has a code of the label space.
        ValueError: see Gold.from_rows and checked_scores.
    """
    if not 0 < target <= 1:
        raise InvalidOption(f"--target-precision is {target:g}: expected a number above 0 and at most 1")
    gold = Gold.from_rows(positives, scores.shape[1])
    counted = standing(checked_scores(scores, gold), gold)
    if not counted.scores.size:
        raise EmptyDataset(
            "no validation document has a code of the label space, so no threshold can be tuned: "
            "prepare the data with a larger dev split"
        )
    ordered = np.sort(counted.scores)
    found = ordered.size - ordered.searchsorted(counted.scores, "left")
    precision = found / (counted.cells - counted.below)
    reached = precision >= target
    if not reached.any():
        raise InvalidOption(
            f"--target-precision is {target:g}, and no threshold reaches it on validation: "
            f"ask for {precision.max():.3f} or less"
        )
    lowest = counted.scores[reached].min()
    return float(np.nextafter(lowest, lowest.dtype.type(-np.inf)))


def _best_threshold(scores: np.ndarray, positives: np.ndarray) -> float:
    """Of one code; both sorted."""
    below = scores.searchsorted(positives, "left")
    chosen = scores.size - below
    found = positives.size - positives.searchsorted(positives, "left")
    best = int(np.argmax(2 * found / (chosen + positives.size)))
    if below[best] == 0:  # every document is selected: nothing lies below
        return float(np.nextafter(positives[best], positives.dtype.type(-np.inf)))
    return (float(positives[best]) + float(scores[below[best] - 1])) / 2
