"""Fits a combiner with scikit-learn and exports it as plain arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.errors import EmptyDataset
from model.ranking.combiner import Combiner, LogisticCombiner, SplitCombiner, TreeCombiner

FEW_NOTES = 150
"""Below this number of notes a logistic regression is fitted, because trees would overfit; untuned."""
FEW_ASSIGNED = 100
"""Assigned codes that each part needs before :func:`fit_combiner` fits two sets of trees; untuned."""


@dataclass(frozen=True)
class TreeSettings:
    """Settings of scikit-learn's HistGradientBoostingClassifier, small so that scoring takes milliseconds; untuned."""

    trees: int = 100
    depth: int = 5
    leaves: int = 16
    learning_rate: float = 0.08
    smallest_leaf: int = 30
    ridge: float = 5.0
    seed: int = 0
    most_false: int = 150_000
    """Unassigned pairs to learn from. Of more, a random sample is taken and weighted up, to save time."""


def fit_combiner(
    values: np.ndarray,
    truth: np.ndarray,
    notes: int,
    split_feature: int | None = None,
    settings: TreeSettings | None = None,
) -> Combiner:
    """Fit boosted trees, or a logistic regression where there are few notes.

    Args:
        values: features of candidate pairs (P, F), NaN where a channel has no value.
        truth: whether the code was assigned, bool (P,).
        notes: number of notes that the pairs come from.
        split_feature: column of a feature. Pairs where it is missing get trees of their own, if enough of them were
            assigned.

    Raises:
        EmptyDataset: all pairs were assigned, or none was.
    """
    if notes < FEW_NOTES:
        return fit_logistic(values, truth)
    if split_feature is not None:
        unseen = np.isnan(values[:, split_feature])
        if min(truth[unseen].sum(), truth[~unseen].sum()) >= FEW_ASSIGNED:
            return fit_split(values, truth, split_feature, settings)
    return fit_trees(values, truth, settings)


def fit_split(
    values: np.ndarray, truth: np.ndarray, split_feature: int, settings: TreeSettings | None = None
) -> SplitCombiner:
    """Trees for pairs with a value of ``split_feature``, and trees for pairs without; see :func:`fit_combiner`."""
    unseen = np.isnan(values[:, split_feature])
    trees = [fit_trees(values[rows], truth[rows], settings) for rows in (~unseen, unseen)]
    return SplitCombiner(np.array([split_feature], dtype=np.int64), *trees)


def fit_trees(values: np.ndarray, truth: np.ndarray, settings: TreeSettings | None = None) -> TreeCombiner:
    """Boosted trees; see :func:`fit_combiner`."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    _require_both(truth)
    settings = settings or TreeSettings()
    kept, weights = _sampled(truth, settings)
    booster = HistGradientBoostingClassifier(
        max_iter=settings.trees,
        max_depth=settings.depth,
        max_leaf_nodes=settings.leaves,
        learning_rate=settings.learning_rate,
        min_samples_leaf=settings.smallest_leaf,
        l2_regularization=settings.ridge,
        early_stopping=False,
        random_state=settings.seed,
    ).fit(_without_empty_features(values[kept]), truth[kept], sample_weight=weights)
    return export_trees(booster)


def fit_logistic(values: np.ndarray, truth: np.ndarray, strength: float = 1.0) -> LogisticCombiner:
    """A logistic regression on standardised features with a ridge of 1 / strength; see :func:`fit_combiner`."""
    from sklearn.linear_model import LogisticRegression

    _require_both(truth)
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0).astype(np.float64)
    means = filled.sum(axis=0) / counts
    variances = (np.where(known, filled - means, 0.0) ** 2).sum(axis=0) / counts
    scales = np.where(variances > 0, np.sqrt(np.where(variances > 0, variances, 1.0)), 1.0)
    unfitted = LogisticCombiner(means, scales, np.zeros(len(means)), np.zeros(1))
    fitted = LogisticRegression(C=strength, max_iter=1000).fit(unfitted.standardised(values), truth)
    return LogisticCombiner(means, scales, fitted.coef_[0].astype(np.float64), fitted.intercept_.astype(np.float64))


def export_trees(booster: Any) -> TreeCombiner:
    """The nodes of a fitted binary HistGradientBoostingClassifier without categorical features.

    scikit-learn keeps them in the private attribute ``_predictors``; a test compares the export with
    ``predict_proba`` and fails if a later version changes the layout.
    """
    trees = [tree[0].nodes for tree in booster._predictors]
    sizes = np.array([len(nodes) for nodes in trees], dtype=np.int64)
    roots = np.cumsum(sizes) - sizes
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    own, first = np.arange(len(nodes)), np.repeat(roots, sizes)
    return TreeCombiner(
        baseline=np.array([float(np.ravel(booster._baseline_prediction)[0])]),
        roots=roots,
        depth=np.array([int(nodes["depth"].max())], dtype=np.int64),
        features=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        # An infinite threshold separates missing values from all others: every finite value goes left.
        thresholds=np.where(leaf, 0.0, np.minimum(nodes["num_threshold"], np.finfo(np.float64).max)),
        missing_left=nodes["missing_go_to_left"].astype(np.uint8),
        left=np.where(leaf, own, nodes["left"] + first).astype(np.int64),
        right=np.where(leaf, own, nodes["right"] + first).astype(np.int64),
        values=np.where(leaf, nodes["value"], 0.0),
    )


def _sampled(truth: np.ndarray, settings: TreeSettings) -> tuple[np.ndarray, np.ndarray]:
    """Every assigned pair and at most ``most_false`` others: indices, ascending, and weights."""
    false = np.flatnonzero(~truth)
    weights = np.ones(len(truth))
    if len(false) > settings.most_false:
        drawn = np.random.default_rng(settings.seed).choice(false, settings.most_false, replace=False)
        weights[false] = 0
        weights[drawn] = len(false) / settings.most_false
    kept = np.flatnonzero(weights)
    return kept, weights[kept]


def _without_empty_features(values: np.ndarray) -> np.ndarray:
    """Features that are always missing as constants: scikit-learn cannot bin them, and never splits on a constant."""
    empty = np.isnan(values).all(axis=0)
    return np.where(empty, np.float32(0.0), values) if empty.any() else values


def _require_both(truth: np.ndarray) -> None:
    if not truth.any() or truth.all():
        raise EmptyDataset(
            f"of {len(truth)} candidate codes of validation notes {int(truth.sum())} were assigned, so no ranker can "
            "be fitted: prepare the data with a larger dev split"
        )
