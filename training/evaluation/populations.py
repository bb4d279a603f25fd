"""The two code populations over which results are published, and every metric in both.

``all``: every code of the label space (CAML, PLM-ICD). ``present``: the codes with at least one positive in
the evaluated split (Edin et al. 2023). The choice changes micro-F1, P@k and MAP too.
"""

from dataclasses import dataclass

import numpy as np

from training.evaluation.calibration import are_probabilities, expected_calibration_error, masses
from training.evaluation.classification import Selection, classification_metrics, select
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import Standing, standing
from training.evaluation.ranking_metrics import mean_or_none, ranking_metrics
from training.evaluation.roc_and_pr_areas import label_aucs, micro_auc, micro_average_precision

POPULATIONS = ("all", "present")

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Population:
    """One population: its columns and the counts from which its metrics follow."""

    columns: np.ndarray
    standing: Standing
    selection: Selection


def standings(scores: np.ndarray, gold: Gold) -> dict[str, Standing]:
    """Standing of the positives in both populations; every cell is sorted once."""
    present = standing(scores, gold, gold.present)
    return {"all": present + standing(scores, gold, gold.absent), "present": present}


def populations(scores: np.ndarray, gold: Gold, threshold: float | np.ndarray) -> dict[str, Population]:
    """Everything to be counted, in both populations; scores as of checked_scores."""
    counted = standings(scores, gold)
    everything = np.arange(gold.num_labels)
    return {
        "all": Population(everything, counted["all"], select(scores, gold, threshold)),
        "present": Population(gold.present, counted["present"], select(scores, gold, threshold, gold.present)),
    }


def calibration_errors(scores: np.ndarray, gold: Gold) -> Metrics:
    """Expected calibration error in both populations; None where a score is no probability."""
    if not are_probabilities(scores):
        return dict.fromkeys(POPULATIONS)
    present = masses(scores, gold.present)
    whole = present + masses(scores, gold.absent)
    positives = scores[gold.rows, gold.columns]
    return {
        "all": expected_calibration_error(whole, positives),
        "present": expected_calibration_error(present, positives),
    }


def population_metrics(scores: np.ndarray, gold: Gold, counted: dict[str, Population]) -> dict[str, Metrics]:
    """Every metric by population and name, see ranking_metrics, classification_metrics, areas, calibration."""
    calibration = calibration_errors(scores, gold)
    macro_auc = mean_or_none(label_aucs(scores, gold))  # codes without a positive have no area: one value for both
    return {
        name: {
            **ranking_metrics(gold, population.standing.ahead),
            **classification_metrics(population.selection),
            "micro_auc": micro_auc(population.standing),
            "macro_auc": macro_auc,
            "micro_auc_pr": micro_average_precision(population.standing),
            "ece": calibration[name],
        }
        for name, population in counted.items()
    }
