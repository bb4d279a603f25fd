"""What stands beside a coder in its report: each baseline's scores, and the threshold that is best for it."""

from collections.abc import Sequence

import numpy as np

from model.dataset import Dataset, Document
from training.evaluation.baseline_comparison import Baseline
from training.evaluation.baselines import label_prior, neighbour_votes
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.gold import Gold
from training.evaluation.label_space import codes_outside
from training.evaluation.linear_baseline import linear_scores
from training.evaluation.ranking_metrics import mean_average_precision
from training.ranking.candidate_pairs import note_folds

PRIOR, NEIGHBOURS, LINEAR = "label prior", "TF-IDF neighbours (k = 30)", "TF-IDF, linear model"
TUNING_SPLIT = "dev"
UNTUNED_PENALTY = 0.1

Scores = dict[str, dict[float, np.ndarray]]
"""By baseline and penalty (n, L); only the linear model has more than one penalty."""


def measured_baselines(dataset: Dataset, split: str, documents: Sequence[Document]) -> dict[str, Baseline]:
    """Baselines of the documents of a split, learned from the training split.

    Threshold and penalty are chosen on dev; where that is the split, on a fifth of the training patients by a model of
    the others, and the baseline is then learned from all.

    Raises:
        EmptyDataset: no training document.
        MalformedInput: the training texts share no word.
    """
    train, asked = list(dataset.require("train")), list(documents)
    tuned_on = [] if split == TUNING_SPLIT else list(dataset.documents(TUNING_SPLIT))
    if tuned_on:
        both = _scores(dataset, train, [*tuned_on, *asked])  # one model for both
        tuning, final = _lines(both, slice(len(tuned_on))), _lines(both, slice(len(tuned_on), None))
    else:
        learned, tuned_on = _parts(train)
        tuning = _scores(dataset, learned, tuned_on) if tuned_on else {}
        final = _scores(dataset, train, asked)
    return {name: _chosen(dataset, tuned_on, tuning.get(name, {}), by_penalty) for name, by_penalty in final.items()}


def _parts(train: list[Document]) -> tuple[list[Document], list[Document]]:
    """Those of four fifths of the patients, and of the others; all and none where there is one patient."""
    subjects = [document.subject_id for document in train]
    if len(set(subjects) - {""}) + subjects.count("") < 2:
        return train, []
    held = (note_folds(subjects) == 0).tolist()
    parts: tuple[list[Document], list[Document]] = ([], [])
    for document, is_held in zip(train, held, strict=True):
        parts[is_held].append(document)
    return parts


def _scores(dataset: Dataset, train: list[Document], asked: list[Document]) -> Scores:
    rows, size = dataset.rows(train), len(dataset.labels)
    texts, asked_texts = ([document.text for document in documents] for documents in (train, asked))
    return {
        PRIOR: {UNTUNED_PENALTY: label_prior(rows, size, len(asked))},
        NEIGHBOURS: {UNTUNED_PENALTY: neighbour_votes(train, rows, asked, size)},
        LINEAR: linear_scores(texts, rows, asked_texts, size),
    }


def _lines(scores: Scores, some: slice) -> Scores:
    return {
        name: {penalty: matrix[some] for penalty, matrix in by_penalty.items()} for name, by_penalty in scores.items()
    }


def _chosen(
    dataset: Dataset,
    tuned_on: Sequence[Document],
    tuning: dict[float, np.ndarray],
    final: dict[float, np.ndarray],
) -> Baseline:
    """The penalty with the best mean average precision, and its threshold with the best micro-F1."""
    rows, outside = dataset.rows(tuned_on), codes_outside(dataset, tuned_on)
    gold = Gold.from_rows(rows, len(dataset.labels), outside)
    if not gold.rows.size or not tuning:
        return Baseline(final[UNTUNED_PENALTY])
    quality = {penalty: mean_average_precision(scores, gold) for penalty, scores in tuning.items()}
    best = max(quality, key=lambda penalty: quality[penalty])
    return Baseline(final[best], best_global_threshold(tuning[best], rows, outside))
