"""The classifier, the k-NN coder and their blend on one split, with what was tuned and where."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.evaluation.bootstrap import Interval, mean_interval, micro_f1_interval, paired_difference
from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import cells_ahead
from training.evaluation.ranking_metrics import average_precisions
from training.evaluation.score_matrix import checked_scores
from training.retrieval.knn_coder import Labelled, Scores, Tuned, halves, score, tune

CLASSIFIER = "classifier"


@dataclass(frozen=True)
class CoderResult:
    """Measures of one coder over all codes of the label space."""

    name: str
    map: Interval | None
    micro_f1: Interval | None
    map_difference: Interval | None
    """Its MAP minus the classifier's, paired by document; None for the classifier."""
    settings: list[dict[str, Any]]
    """Tuned settings, one entry for each tuning split."""


def compare_coders(
    evaluated: Mapping[str, Labelled],
    tuning: Mapping[str, Labelled] | None,
    subjects: Sequence[str],
    train_rows: Sequence[np.ndarray],
    seed: int,
) -> list[CoderResult] | None:
    """The classifier, and for every system its k-NN coder and blend.

    Args:
        evaluated: the evaluated documents with the neighbours of each system.
        tuning: other documents to tune on; None tunes on each half of the evaluated patients for the other half.
        subjects: patient of each evaluated document.

    Returns:
        None where a tuning split has no document with codes.
    """
    results: list[CoderResult] = []
    for name, documents in evaluated.items():
        splits = _tuning_splits(documents, None if tuning is None else tuning[name], subjects, seed)
        if any(not any(len(columns) for columns in tuning_documents.rows) for tuning_documents, _ in splits):
            return None
        tuned, scores = _cross(documents, splits, train_rows)
        evaluation = _Evaluation(documents, scores.classifier, seed)
        if not results:
            thresholds = [each.classifier_threshold for each in tuned]
            settings = [{"threshold": threshold} for threshold in thresholds]
            results.append(evaluation.result(CLASSIFIER, scores.classifier, _spread(thresholds, splits), settings))
        thresholds = [each.vote_threshold for each in tuned]
        settings = [{**asdict(each.vote), "threshold": each.vote_threshold} for each in tuned]
        results.append(evaluation.result(f"k-NN, {name}", scores.vote, _spread(thresholds, splits), settings))
        thresholds = [each.blend_threshold for each in tuned]
        settings = [{**asdict(each.vote), "weight": each.weight, "threshold": each.blend_threshold} for each in tuned]
        blended = f"{CLASSIFIER} + k-NN, {name}"
        results.append(evaluation.result(blended, scores.blend, _spread(thresholds, splits), settings))
    return results


TuningSplit = tuple[Labelled, np.ndarray]
"""Documents to tune on, and the indices of the evaluated documents that they tune for."""


def _tuning_splits(
    evaluated: Labelled, tuning: Labelled | None, subjects: Sequence[str], seed: int
) -> list[TuningSplit]:
    if tuning is not None:
        return [(tuning, np.arange(len(evaluated.rows)))]
    first, second = halves(subjects, seed)
    return [(evaluated.some(first), second), (evaluated.some(second), first)]


def _cross(
    evaluated: Labelled, splits: Sequence[TuningSplit], train_rows: Sequence[np.ndarray]
) -> tuple[list[Tuned], Scores]:
    """The settings that each tuning split gave, and the scores of all documents by settings tuned on others."""
    shape = evaluated.probabilities.shape
    whole = Scores(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    tuned = []
    for tuning_documents, chosen in splits:
        found = tune(tuning_documents, train_rows)
        scores = score(found, evaluated.some(chosen), train_rows)
        whole.classifier[chosen], whole.vote[chosen] = scores.classifier, scores.vote
        whole.blend[chosen] = scores.blend
        tuned.append(found)
    return tuned, whole


def _spread(thresholds: Sequence[float], splits: Sequence[TuningSplit]) -> np.ndarray:
    """The threshold of each evaluated document, (n,)."""
    spread = np.zeros(sum(len(chosen) for _, chosen in splits))
    for threshold, (_, chosen) in zip(thresholds, splits, strict=True):
        spread[chosen] = threshold
    return spread


class _Evaluation:
    """Measures coders on the same documents and compares them with the classifier."""

    def __init__(self, documents: Labelled, classifier: np.ndarray, seed: int) -> None:
        self._gold = Gold.from_rows(documents.rows, documents.num_labels, documents.extra)
        self._seed = seed
        self._reference = self._precisions(classifier)

    def result(
        self, name: str, scores: np.ndarray, thresholds: np.ndarray, settings: list[dict[str, Any]]
    ) -> CoderResult:
        """MAP, and micro-F1 of the codes that score strictly above the document's threshold."""
        gold, precisions = self._gold, self._precisions(scores)
        chosen = (scores > thresholds[:, None]).sum(axis=1)
        hit = scores[gold.rows, gold.columns] > thresholds[gold.rows]
        true = np.bincount(gold.rows[hit], minlength=gold.num_documents)
        difference = paired_difference(precisions, self._reference, seed=self._seed)
        return CoderResult(
            name,
            mean_interval(precisions, seed=self._seed),
            micro_f1_interval(true, chosen - true, gold.totals - true, seed=self._seed),
            None if name == CLASSIFIER else difference,
            settings,
        )

    def _precisions(self, scores: np.ndarray) -> np.ndarray:
        ahead = cells_ahead(checked_scores(scores, self._gold), self._gold, np.arange(self._gold.num_labels))
        return average_precisions(self._gold, ahead)
