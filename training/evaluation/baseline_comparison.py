"""A baseline beside the coder, on the same documents."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.bootstrap import Interval, paired_difference, paired_micro_difference
from training.evaluation.classification import Selection, classification_metrics
from training.evaluation.gold import Gold
from training.evaluation.populations import POPULATIONS, Population, populations
from training.evaluation.ranking_metrics import average_precisions, mean_or_none, precisions_at
from training.evaluation.roc_and_pr_areas import micro_average_precision, precision_recall_curve
from training.evaluation.score_matrix import checked_scores


@dataclass(frozen=True)
class Baseline:
    """Scores of a baseline (n, L), and the threshold of its selection; None where there was nothing to tune it on."""

    scores: np.ndarray
    threshold: float | None = None


@dataclass(frozen=True)
class Comparison:
    """What a baseline reaches in one population, and how far the coder is ahead of it, by paired bootstrap over
    documents.
    """

    map: float | None
    precision_at_8: float | None
    micro_auc_pr: float | None
    map_difference: Interval | None
    """Mean average precision of the coder minus the baseline's."""
    micro_f1: float | None
    """None for a baseline without a threshold."""
    micro_f1_difference: Interval | None


@dataclass(frozen=True)
class ComparedBaseline:
    """A baseline in both populations, with its micro precision-recall curve over all codes."""

    name: str
    populations: dict[str, Comparison]
    curve: tuple[np.ndarray, np.ndarray]


def compare_with_baseline(
    name: str, baseline: Baseline, gold: Gold, coder: dict[str, Population], seed: int = 0
) -> ComparedBaseline:
    """Measure the baseline and its paired differences to the coder.

    Raises:
        ValueError: see checked_scores.
    """
    has_threshold = baseline.threshold is not None
    theirs = populations(checked_scores(baseline.scores, gold), gold, baseline.threshold or 0.0)
    compared = {
        population: _compare(gold, coder[population], theirs[population], has_threshold, seed)
        for population in POPULATIONS
    }
    return ComparedBaseline(name, compared, precision_recall_curve(theirs["all"].standing))


def _compare(gold: Gold, ours: Population, theirs: Population, has_threshold: bool, seed: int) -> Comparison:
    precisions = average_precisions(gold, theirs.standing.ahead)
    return Comparison(
        map=mean_or_none(precisions),
        precision_at_8=mean_or_none(precisions_at(gold, theirs.standing.ahead, 8)),
        micro_auc_pr=micro_average_precision(theirs.standing),
        map_difference=paired_difference(average_precisions(gold, ours.standing.ahead), precisions, seed=seed),
        micro_f1=classification_metrics(theirs.selection)["micro_f1"] if has_threshold else None,
        micro_f1_difference=paired_micro_difference(
            *_micro_f1_parts(ours.selection), *_micro_f1_parts(theirs.selection), seed=seed
        )
        if has_threshold
        else None,
    )


def _micro_f1_parts(selection: Selection) -> tuple[np.ndarray, np.ndarray]:
    return 2 * selection.document_true, selection.document_selected + selection.document_gold
