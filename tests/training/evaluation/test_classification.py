"""Metrics of the selected codes equal scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_recall_fscore_support

from training.evaluation.classification import classification_metrics, select
from training.evaluation.gold import Gold


def metrics(scores: np.ndarray, rows: list, threshold: float | np.ndarray = 0.5, extra=None) -> dict:
    gold = Gold.from_rows([np.array(row, dtype=np.int64) for row in rows], scores.shape[1], extra)
    return classification_metrics(select(scores, gold, threshold))


@pytest.mark.parametrize("threshold", [-1.0, 0.5, 0.8, 2.0])
def test_equals_scikit_learn(split, threshold):
    """Micro, macro, exact match and Jaccard, also where everything or nothing is selected."""
    found = metrics(split.scores, split.rows, threshold)
    chosen, truth = (split.scores > np.float64(threshold)).astype(int), split.truth
    p, r, f, _ = precision_recall_fscore_support(truth, chosen, average="micro", zero_division=0)
    micro = [found[f"micro_{name}"] for name in ("precision", "recall", "f1")]
    assert micro == pytest.approx([p, r, f], abs=1e-9)
    p, r, f, _ = precision_recall_fscore_support(truth, chosen, average="macro", zero_division=0)
    assert (found["macro_precision"], found["macro_recall"]) == pytest.approx((p, r), abs=1e-9)
    assert found["macro_f1_caml"] == pytest.approx(2 * p * r / (p + r) if p + r else 0, abs=1e-9)
    assert found["macro_f1_all"] == pytest.approx(f, abs=1e-9)
    present = np.flatnonzero(truth.sum(axis=0))
    f1 = f1_score(truth, chosen, labels=present, average="macro", zero_division=0)
    assert found["macro_f1_present"] == pytest.approx(f1, abs=1e-9)
    assert found["exact_match"] == pytest.approx(accuracy_score(truth, chosen), abs=1e-9)
    jaccard = jaccard_score(truth, chosen, average="samples", zero_division=1)
    assert found["jaccard"] == pytest.approx(jaccard, abs=1e-9)


def test_threshold_per_code(split):
    """A threshold for each code selects what the comparison by column selects."""
    thresholds = np.random.default_rng(3).random(split.truth.shape[1])
    chosen = (split.scores > thresholds).astype(int)
    expected = f1_score(split.truth, chosen, average="micro", zero_division=0)
    assert metrics(split.scores, split.rows, thresholds)["micro_f1"] == pytest.approx(expected, abs=1e-9)


def test_the_threshold_is_strict_and_exact_in_float32():
    """A score equal to the threshold is not selected, and rounding the threshold decides nothing."""
    scores = np.array([[0.5, np.nextafter(np.float32(0.5), np.float32(1))]], dtype=np.float32)
    gold = Gold.from_rows([np.array([0, 1])], 2)
    assert select(scores, gold, 0.5).label_selected.tolist() == [0, 1]
    for threshold in (0.1, 0.3, 0.7, 0.9):
        score = np.array([[threshold]], dtype=np.float32)
        selected = select(score, Gold.from_rows([np.array([0])], 1), threshold).label_selected
        assert selected.tolist() == [int(float(score[0, 0]) > threshold)]


def test_codes_outside_the_label_space_are_missed():
    """A perfect selection with one code outside the label space: recall 2/3, no exact match, Jaccard 2/3."""
    found = metrics(np.array([[0.9, 0.9, 0.1]]), [[0, 1]], extra=np.array([1]))
    assert found["micro_recall"] == pytest.approx(2 / 3)
    assert found["micro_precision"] == 1.0
    assert found["exact_match"] == 0.0
    assert found["jaccard"] == pytest.approx(2 / 3)


def test_columns_restrict_selection_and_counts(split):
    """Selecting over the present columns equals selecting in a matrix that has no others."""
    present = split.gold.present
    part = Gold.from_rows([np.flatnonzero(line) for line in split.truth[:, present]], present.size)
    restricted = classification_metrics(select(split.scores, split.gold, 0.6, present))
    assert restricted == classification_metrics(select(split.scores[:, present], part, 0.6))


def test_no_document_gives_none():
    """Over no documents every metric is None."""
    assert set(metrics(np.zeros((0, 3)), []).values()) == {None}


def test_no_labels_gives_none_for_codes():
    """Over no codes the macro averages are None and the micro ones 0."""
    found = metrics(np.zeros((2, 0)), [[], []])
    assert found["macro_f1_all"] is None
    assert found["micro_f1"] == 0.0
    assert found["exact_match"] == 1.0


@pytest.mark.parametrize("threshold", [np.zeros(2), np.nan])
def test_unusable_thresholds_are_named(threshold):
    """A threshold of another length, or NaN, is refused by name."""
    with pytest.raises(ValueError, match="threshold"):
        metrics(np.zeros((1, 3)), [[0]], threshold)
