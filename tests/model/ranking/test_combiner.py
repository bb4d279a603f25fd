"""Combiners of plain numbers: by hand, and how they travel."""

import numpy as np
import pytest

from model.errors import MalformedInput
from model.ranking.combiner import LogisticCombiner, SplitCombiner, TreeCombiner
from model.ranking.combiner_arrays import combiner_arrays, combiner_of

STUMPS = TreeCombiner(
    baseline=np.array([0.5]),
    roots=np.array([0, 3]),
    depth=np.array([1]),
    features=np.array([0, 0, 0, 1, 0, 0]),
    thresholds=np.array([1.0, np.inf, np.inf, 0.0, np.inf, np.inf]),
    missing_left=np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8),
    left=np.array([1, 1, 2, 4, 4, 5]),
    right=np.array([2, 1, 2, 5, 4, 5]),
    values=np.array([0.0, -1.0, 1.0, 0.0, -2.0, 2.0]),
)
LINE = LogisticCombiner(np.array([1.0, 0.0]), np.array([2.0, 1.0]), np.array([3.0, -1.0]), np.array([0.25]))

LONE = TreeCombiner(
    baseline=np.array([-1.0]),
    roots=np.array([0]),
    depth=np.array([1]),
    features=np.array([1, 0, 0]),
    thresholds=np.array([0.0, np.inf, np.inf]),
    missing_left=np.zeros(3, dtype=np.uint8),
    left=np.array([1, 1, 2]),
    right=np.array([2, 1, 2]),
    values=np.array([0.0, -3.0, 3.0]),
)
SPLIT = SplitCombiner(np.array([0]), STUMPS, LONE)


def test_two_stumps_by_hand() -> None:
    """A value at the threshold goes left; a missing one where the node says."""
    values = np.array([[1.0, 0.0], [1.1, 0.1], [np.nan, np.nan]], dtype=np.float32)
    logits = np.array([0.5 - 1 - 2, 0.5 + 1 + 2, 0.5 - 1 + 2])
    np.testing.assert_allclose(STUMPS.scores(values), 1 / (1 + np.exp(-logits)))


def test_a_line_by_hand() -> None:
    """A missing value counts as the mean."""
    values = np.array([[3.0, 1.0], [np.nan, 2.0]], dtype=np.float32)
    np.testing.assert_allclose(LINE.scores(values), 1 / (1 + np.exp(-np.array([3 - 1 + 0.25, -2 + 0.25]))))


def test_a_split_asks_the_trees_of_each_kind() -> None:
    """Silent in the parting feature: the second trees; none of a kind is fine."""
    values = np.array([[1.0, 0.0], [np.nan, 1.0], [2.0, 1.0], [np.nan, -1.0]])
    expected = np.array([STUMPS.scores(values)[0], LONE.scores(values)[1], STUMPS.scores(values)[2], 1 / (1 + np.e**4)])
    np.testing.assert_allclose(SPLIT.scores(values), expected)
    np.testing.assert_allclose(SPLIT.scores(values[[0, 2]]), expected[[0, 2]])


def test_blocks_of_candidates_change_nothing(monkeypatch) -> None:
    """One at a time, and all at once."""
    values = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    whole = STUMPS.scores(values)
    monkeypatch.setattr("model.ranking.combiner.ROWS_AT_ONCE", 7)
    np.testing.assert_array_equal(STUMPS.scores(values), whole)


@pytest.mark.parametrize("combiner", [STUMPS, LINE, SPLIT], ids=lambda each: each.kind)
def test_a_combiner_made_of_its_arrays_is_the_same(combiner) -> None:
    """Kind and arrays are all there is."""
    again = combiner_of(combiner.kind, combiner_arrays(combiner), 2)
    values = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_array_equal(again.scores(values), combiner.scores(values))


@pytest.mark.parametrize(
    ("combiner", "changed"),
    [
        (STUMPS, {"left": np.array([1, 1, 2, 4, 4, 6])}),
        (STUMPS, {"roots": np.array([-1, 3])}),
        (STUMPS, {"features": np.array([0, 0, 0, 2, 0, 0])}),
        (STUMPS, {"thresholds": np.ones(5)}),
        (LINE, {"means": np.zeros(3)}),
        (LINE, {"bias": np.zeros((1, 1))}),
        (LINE, {"slope": np.zeros(1)}),
        (SPLIT, {"feature": np.array([2])}),
        (SPLIT, {"feature": np.array([0, 1])}),
        (SPLIT, {"slope": np.zeros(1)}),
        (SPLIT, {"silent.roots": np.array([3])}),
        (SPLIT, {"spoken.slope": np.zeros(1)}),
    ],
)
def test_numbers_that_point_outside_are_refused(combiner, changed) -> None:
    """Before a note meets them."""
    with pytest.raises(MalformedInput, match="fit it again"):
        combiner_of(combiner.kind, combiner_arrays(combiner) | changed, 2)
    with pytest.raises(MalformedInput, match="'oracle' is not known"):
        combiner_of("oracle", {}, 2)
