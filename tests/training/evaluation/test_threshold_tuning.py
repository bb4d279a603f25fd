"""Policies for thresholds."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score

from model.errors import EmptyDataset, InvalidOption
from training.evaluation.global_threshold import best_global_threshold
from training.evaluation.threshold_tuning import threshold_for_precision, thresholds_per_code, tune


def test_each_code_has_the_best_f1_without_shrinkage(split):
    """As good as the best of all distinct scores, tried one by one with scikit-learn."""
    thresholds = thresholds_per_code(split.scores, split.rows, shrinkage=0.0)
    for column in np.flatnonzero(split.truth.sum(axis=0)):
        truth, line = split.truth[:, column], split.scores[:, column]
        best = max(f1_score(truth, line >= value, zero_division=0) for value in np.unique(line))
        chosen = line > np.float64(thresholds[column])
        assert f1_score(truth, chosen, zero_division=0) == pytest.approx(best, abs=1e-12)


def test_rare_codes_are_drawn_to_the_global_threshold(split):
    """By m / (m + shrinkage); a code that validation lacks has the global one."""
    everywhere = best_global_threshold(split.scores, split.rows)
    free = thresholds_per_code(split.scores, split.rows, shrinkage=0.0)
    drawn = thresholds_per_code(split.scores, split.rows, shrinkage=10.0)
    counts = split.truth.sum(axis=0)
    assert drawn == pytest.approx((counts * free + 10 * everywhere) / (counts + 10))
    assert drawn[3] == everywhere
    assert thresholds_per_code(split.scores, split.rows, shrinkage=1e12) == pytest.approx(np.full(37, everywhere))


def test_a_threshold_lies_half_way_to_the_next_score():
    """Not at the edge of the positives, where a new document would fall off; with nothing below, just under."""
    scores = np.array([[0.8, 0.8], [0.4, 0.9], [0.1, 0.7]])
    rows = [np.array([0, 1]), np.array([1]), np.array([1])]
    first, second = thresholds_per_code(scores, rows, shrinkage=0.0)
    assert first == pytest.approx(0.6)
    assert second == pytest.approx(0.7)
    assert second < 0.7


@pytest.mark.parametrize("target", [0.2, 0.3, 0.4])
def test_the_target_precision_is_reached_at_the_lowest_threshold(split, target):
    """No distinct score below it reaches the precision, by scikit-learn."""
    threshold = threshold_for_precision(split.scores, split.rows, target)
    reached = {
        float(value)
        for value in np.unique(split.scores[split.truth == 1])
        if precision_score(split.truth, split.scores >= value, average="micro", zero_division=0) >= target
    }
    chosen = split.scores > np.float64(threshold)
    assert chosen.tolist() == (split.scores >= np.float32(min(reached))).tolist()


def test_an_unreachable_precision_names_the_best(split):
    """And what to ask for instead."""
    scores = np.where(split.truth == 1, 0.1, 0.9)
    with pytest.raises(InvalidOption, match=r"no threshold reaches it on validation: ask for 0\.\d+ or less"):
        threshold_for_precision(scores, split.rows, 0.9)


@pytest.mark.parametrize("target", [0.0, -1.0, 1.5, float("nan")])
def test_a_precision_out_of_range_is_refused(split, target):
    """Before anything is counted."""
    with pytest.raises(InvalidOption, match="--target-precision"):
        threshold_for_precision(split.scores, split.rows, target)


def test_policies_by_name(split):
    """Each gives plain numbers and says in words what it is."""
    whole = tune("global", split.scores, split.rows)
    assert whole.value == best_global_threshold(split.scores, split.rows)
    each = tune("per-code", split.scores, split.rows)
    assert isinstance(each.value, np.ndarray)
    assert each.value.tolist() == thresholds_per_code(split.scores, split.rows).tolist()
    assert "0.3" in tune("precision", split.scores, split.rows, target_precision=0.3).description


@pytest.mark.parametrize(
    ("policy", "target", "said"), [("best", None, "'best'"), ("precision", None, "both"), ("global", 0.5, "both")]
)
def test_policies_that_do_not_fit_are_refused(split, policy, target, said):
    """The flag is named."""
    with pytest.raises(InvalidOption, match=said):
        tune(policy, split.scores, split.rows, target_precision=target)


@pytest.mark.parametrize("policy", ["global", "per-code", "precision"])
def test_nothing_assigned_has_no_threshold(policy):
    """Without an assigned code there is nothing to tune on."""
    target = 0.5 if policy == "precision" else None
    with pytest.raises(EmptyDataset, match="dev split"):
        tune(policy, np.zeros((2, 3)), [np.zeros(0, dtype=np.int64)] * 2, target_precision=target)
