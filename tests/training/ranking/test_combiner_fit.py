"""Exported combiners answer as scikit-learn does."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from model.errors import EmptyDataset
from model.ranking.combiner import LogisticCombiner, SplitCombiner, TreeCombiner
from training.ranking.combiner_fit import export_trees, fit_combiner, fit_logistic, fit_trees


def drawn(pairs: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features on several scales, a third of them missing; truth depends on two and a gap."""
    random = np.random.default_rng(seed)
    values = (random.normal(size=(pairs, 6)) * [1, 10, 0.1, 1, 1, 1]).astype(np.float32)
    values[:, 3] = np.round(values[:, 3])
    values[random.random(values.shape) < 0.3] = np.nan
    signal = np.nan_to_num(values[:, 0]) - np.nan_to_num(values[:, 1]) / 10 + np.isnan(values[:, 2])
    return values, signal + random.normal(size=pairs) > 1.5


@pytest.mark.parametrize("options", [{"max_depth": 5, "max_leaf_nodes": 16}, {"max_iter": 7}, {"max_leaf_nodes": 2}])
def test_trees_equal_scikit_learn(options) -> None:
    """On pairs that were not fitted, with values at the thresholds, missing and infinite ones."""
    values, truth = drawn()
    booster = HistGradientBoostingClassifier(max_iter=options.pop("max_iter", 40), **options).fit(values, truth)
    trees = export_trees(booster)
    fresh = np.concatenate([drawn(700, 1)[0], np.full((1, 6), np.nan), np.full((1, 6), 1e30)]).astype(np.float32)
    thresholds = trees.thresholds[trees.thresholds < 1e300][:200]
    at = np.repeat(thresholds[:, None], 6, axis=1)
    for each in (fresh, at, fresh[:0]):
        expected = booster.predict_proba(each)[:, 1] if len(each) else np.zeros(0)
        np.testing.assert_allclose(trees.scores(each), expected, atol=1e-6)


def test_the_logistic_regression_equals_scikit_learn() -> None:
    """On standardised features with the mean for a missing value."""
    values, truth = drawn()
    ours = fit_logistic(values, truth)
    means, scales = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    plain = np.where(np.isnan(values), 0.0, (values - means) / scales)
    theirs = LogisticRegression(max_iter=1000).fit(plain, truth)
    np.testing.assert_allclose(ours.scores(values), theirs.predict_proba(plain)[:, 1], atol=1e-3)


def test_a_feature_that_is_always_missing_changes_nothing() -> None:
    """A channel that never spoke on validation is never asked; nor does it break the fit."""
    values, truth = drawn()
    silent = np.concatenate([values, np.full((len(values), 1), np.nan, dtype=np.float32)], axis=1)
    loud = np.concatenate([values, np.ones((len(values), 1), dtype=np.float32)], axis=1)
    for fit in (fit_trees, fit_logistic):
        found = fit(silent, truth)
        np.testing.assert_allclose(found.scores(silent), fit(values, truth).scores(values), atol=1e-6)
        np.testing.assert_allclose(found.scores(loud), found.scores(silent), atol=1e-6)


def test_few_notes_have_the_simpler_combiner() -> None:
    """Trees from 150 notes on."""
    values, truth = drawn(600)
    assert isinstance(fit_combiner(values, truth, 149), LogisticCombiner)
    assert isinstance(fit_combiner(values, truth, 150), TreeCombiner)


def test_codes_of_which_a_channel_is_silent_have_trees_of_their_own() -> None:
    """Each kind is scored by trees that were fitted on it alone; with few assigned codes there is one forest."""
    values, truth = drawn(3000)
    found = fit_combiner(values, truth, 150, split_feature=2)
    assert isinstance(found, SplitCombiner)
    silent = np.isnan(values[:, 2])
    for own in (silent, ~silent):
        np.testing.assert_array_equal(found.scores(values)[own], fit_trees(values[own], truth[own]).scores(values[own]))
    assert isinstance(fit_combiner(values[:300], truth[:300], 150, split_feature=2), TreeCombiner)


def test_both_rank_what_is_true_above_the_rest() -> None:
    """On fresh pairs, better than the best single feature."""
    from sklearn.metrics import roc_auc_score

    values, truth = drawn()
    fresh, wanted = drawn(2000, 1)
    single = roc_auc_score(wanted, np.nan_to_num(fresh[:, 0]))
    for combiner in (fit_trees(values, truth), fit_logistic(values, truth)):
        assert roc_auc_score(wanted, combiner.scores(fresh)) > single + 0.03


@pytest.mark.parametrize("value", [True, False])
def test_pairs_of_one_kind_are_refused(value: bool) -> None:
    """Nothing to tell apart."""
    for fit in (fit_trees, fit_logistic):
        with pytest.raises(EmptyDataset, match="larger dev split"):
            fit(np.zeros((4, 2)), np.full(4, value))
