"""A baseline beside the coder, on the same documents, without a threshold."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.bootstrap import Interval, paired_difference
from training.evaluation.gold import Gold
from training.evaluation.populations import POPULATIONS, standings
from training.evaluation.positive_ranks import Standing
from training.evaluation.ranking_metrics import average_precisions, mean_or_none, precisions_at
from training.evaluation.roc_and_pr_areas import micro_average_precision, precision_recall_curve
from training.evaluation.score_matrix import checked_scores


@dataclass(frozen=True)
class Comparison:
    """What a baseline reaches in one population, and how far the coder is ahead of it."""

    map: float | None
    precision_at_8: float | None
    micro_auc_pr: float | None
    map_difference: Interval | None
    """Mean average precision of the coder minus the baseline's, by paired bootstrap over documents."""


@dataclass(frozen=True)
class ComparedBaseline:
    """A baseline in both populations, with its micro precision-recall curve over all codes."""

    name: str
    populations: dict[str, Comparison]
    curve: tuple[np.ndarray, np.ndarray]


def compare_with_baseline(
    name: str, baseline: np.ndarray, gold: Gold, coder: dict[str, Standing], seed: int = 0
) -> ComparedBaseline:
    """Measure the baseline's scores (n, L) and its paired difference to the coder's standings.

    Raises:
        ValueError: see checked_scores.
    """
    theirs = standings(checked_scores(baseline, gold), gold)
    compared = {population: _compare(gold, coder[population], theirs[population], seed) for population in POPULATIONS}
    return ComparedBaseline(name, compared, precision_recall_curve(theirs["all"]))


def _compare(gold: Gold, ours: Standing, theirs: Standing, seed: int) -> Comparison:
    precisions = average_precisions(gold, theirs.ahead)
    return Comparison(
        map=mean_or_none(precisions),
        precision_at_8=mean_or_none(precisions_at(gold, theirs.ahead, 8)),
        micro_auc_pr=micro_average_precision(theirs),
        map_difference=paired_difference(average_precisions(gold, ours.ahead), precisions, seed=seed),
    )
