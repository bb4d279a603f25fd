"""Bootstrap intervals."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from training.evaluation.bootstrap import mean_interval, micro_f1_interval, paired_difference
from training.evaluation.classification import select


def test_mean_interval_is_that_of_a_loop():
    """The percentile interval of resampled means, drawn one at a time from the same generator."""
    values = np.random.default_rng(1).random(40)
    interval = mean_interval(values, resamples=200, seed=5)
    draws = np.random.default_rng(5).integers(40, size=(200, 40))
    means = [np.mean([values[i] for i in draw]) for draw in draws]
    assert interval.value == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_interval_has_the_width_of_the_normal_approximation():
    """On many documents the interval is close to the mean plus and minus 1.96 standard errors."""
    values = np.random.default_rng(2).normal(size=2_000)
    interval = mean_interval(values)
    error = values.std() / np.sqrt(values.size)
    assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_seed_decides():
    """The same seed gives the same interval, another seed another."""
    values = np.random.default_rng(3).random(50)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_pairing_removes_what_both_share():
    """A constant lead over very different documents has an interval of no width."""
    theirs = np.random.default_rng(4).random(30)
    interval = paired_difference(theirs + 0.25, theirs)
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.25, 0.25, 0.25))


def test_micro_f1_interval_of_the_whole_split(split):
    """Its value is scikit-learn's micro-F1, and one resampled by hand lies where the quantiles say."""
    selection = select(split.scores, split.gold, 0.6)
    counts = (selection.document_true, selection.document_false, selection.document_missed)
    interval = micro_f1_interval(*counts, resamples=300, seed=9)
    chosen = (split.scores > np.float64(0.6)).astype(int)
    assert interval.value == pytest.approx(f1_score(split.truth, chosen, average="micro"), abs=1e-9)
    draws = np.random.default_rng(9).integers(len(chosen), size=(300, len(chosen)))
    f1 = [f1_score(split.truth[draw], chosen[draw], average="micro") for draw in draws]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(f1, [0.025, 0.975])), abs=1e-9)


def test_no_documents_have_no_interval():
    """Over no documents there is no interval."""
    nothing = np.zeros(0)
    assert mean_interval(nothing) is None
    assert paired_difference(nothing, nothing) is None
    assert micro_f1_interval(nothing, nothing, nothing) is None


def test_unpaired_documents_are_refused():
    """Two systems on different documents cannot be paired."""
    with pytest.raises(ValueError, match="ours has 2 documents and theirs 3"):
        paired_difference(np.zeros(2), np.zeros(3))
