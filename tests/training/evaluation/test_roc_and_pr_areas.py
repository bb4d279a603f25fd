"""Areas equal scikit-learn's to 1e-9, ties included."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import precision_recall_curve as sklearn_curve

from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import standing
from training.evaluation.roc_and_pr_areas import label_aucs, micro_auc, micro_average_precision, precision_recall_curve


def test_micro_areas_equal_scikit_learn(split):
    """Micro AUC and AUC-PR over the ravelled matrix, with many ties."""
    counts = standing(split.scores, split.gold)
    assert micro_auc(counts) == pytest.approx(roc_auc_score(split.truth.ravel(), split.scores.ravel()), abs=1e-9)
    expected = average_precision_score(split.truth.ravel(), split.scores.ravel())
    assert micro_average_precision(counts) == pytest.approx(expected, abs=1e-9)


def test_label_aucs_equal_scikit_learn(split):
    """Macro AUC skips the codes that are never positive and the one that always is."""
    truth = split.truth.copy()
    truth[:, 5] = 1
    usable = [c for c in range(truth.shape[1]) if 0 < truth[:, c].sum() < len(truth)]
    assert not {3, 5, 11} & set(usable)
    expected = [roc_auc_score(truth[:, c], split.scores[:, c]) for c in usable]
    gold = Gold.from_rows([np.flatnonzero(line) for line in truth], truth.shape[1])
    assert label_aucs(split.scores, gold) == pytest.approx(expected, abs=1e-9)


def test_curve_is_scikit_learns_where_recall_grows(split):
    """Each point of the curve is one of scikit-learn's; the last reaches recall 1."""
    precision, recall = precision_recall_curve(standing(split.scores, split.gold))
    wanted_precision, wanted_recall, _ = sklearn_curve(split.truth.ravel(), split.scores.ravel())
    best = {round(r, 9): p for p, r in zip(wanted_precision, wanted_recall, strict=True)}
    assert precision == pytest.approx([best[round(r, 9)] for r in recall], abs=1e-9)
    assert recall[-1] == 1.0
    assert (np.diff(recall) > 0).all()


def test_equal_scores_say_nothing():
    """All scores equal: AUC one half, average precision the share of positives."""
    gold = Gold.from_rows([np.array([0]), np.array([1, 2])], 4)
    counts = standing(np.full((2, 4), 0.5, dtype=np.float32), gold)
    assert micro_auc(counts) == 0.5
    assert micro_average_precision(counts) == 3 / 8
    assert label_aucs(np.full((2, 4), 0.5), gold).tolist() == [0.5, 0.5, 0.5]


def test_infinite_scores_are_ordered():
    """Infinite scores are the lowest and the highest."""
    gold = Gold.from_rows([np.array([0, 1])], 3)
    assert micro_auc(standing(np.array([[np.inf, -np.inf, 0.0]]), gold)) == 0.5


@pytest.mark.parametrize("rows", [[], [[]], [[0]]])
def test_one_class_has_no_auc(rows):
    """Without documents, positives or negatives there is no area."""
    gold = Gold.from_rows([np.array(row, dtype=np.int64) for row in rows], 1)
    scores = np.zeros((len(rows), 1))
    assert micro_auc(standing(scores, gold)) is None
    assert label_aucs(scores, gold).size == 0
