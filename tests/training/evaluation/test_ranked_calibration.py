"""The calibration error of the highest-ranked codes equals its definition, a pair at a time."""

import numpy as np
import pytest

from tests.training.evaluation.conftest import random_split
from training.evaluation.gold import Gold
from training.evaluation.ranked_calibration import (
    ranked_error,
    ranked_error_interval,
    ranked_pairs,
    reliability,
)


def looped(scores: np.ndarray, truth: np.ndarray, top: int, bins: int) -> float:
    """Every document's best codes, every pair into its bin."""
    pairs = []
    for line, assigned in zip(scores.tolist(), truth.tolist(), strict=True):
        best = sorted(range(len(line)), key=lambda column: (-line[column], column))[:top]
        pairs += [(line[column], assigned[column]) for column in sorted(best)]
    pairs.sort(key=lambda pair: pair[0])
    distance = [0.0] * bins
    for number, (probability, assigned) in enumerate(pairs):
        distance[bins * number // len(pairs)] += probability - assigned
    return sum(map(abs, distance)) / len(pairs)


@pytest.mark.parametrize(("top", "bins"), [(20, 15), (5, 3), (100, 15), (1, 200)])
def test_equals_the_definition(split, top, bins) -> None:
    """With many ties, with more codes asked for than there are, with more bins than pairs."""
    pairs = ranked_pairs(split.scores, split.gold, top)
    assert pairs is not None
    found = ranked_error(pairs.probabilities, pairs.truth, bins)
    assert found == pytest.approx(looped(split.scores, split.truth, top, bins), abs=1e-12)
    interval = ranked_error_interval(pairs, pairs.probabilities, bins)
    assert interval is not None
    assert interval.value == pytest.approx(found, abs=1e-12)
    assert interval.low < interval.high


def test_the_codes_are_the_highest_with_ties_to_the_lower_column(split) -> None:
    """As a stable sort of each row."""
    pairs = ranked_pairs(split.scores, split.gold, 7)
    assert pairs is not None
    expected = np.sort(np.argsort(-split.scores, axis=1, kind="stable")[:, :7], axis=1)
    np.testing.assert_array_equal(pairs.columns.reshape(-1, 7), expected)
    np.testing.assert_array_equal(pairs.truth, split.truth[pairs.documents, pairs.columns] == 1)


def test_blocks_change_nothing(split, monkeypatch) -> None:
    """The size of a block is no part of the result."""
    whole = ranked_pairs(split.scores, split.gold)
    monkeypatch.setattr("training.evaluation.score_matrix.BLOCK_CELLS", 100)
    again = ranked_pairs(split.scores, split.gold)
    assert whole is not None
    assert again is not None
    np.testing.assert_array_equal(whole.columns, again.columns)


def test_probabilities_that_come_true_have_a_small_error_and_others_a_large_one() -> None:
    """20,000 pairs drawn with their own probability; three times as sure is wrong by as much."""
    random = np.random.default_rng(0)
    scores = random.uniform(0, 0.3, (1000, 20))
    gold = Gold.from_rows([np.flatnonzero(row) for row in random.random(scores.shape) < scores], 20)
    right, wrong = ranked_pairs(scores, gold), ranked_pairs(scores * 3, gold)
    assert right is not None
    assert wrong is not None
    assert ranked_error(right.probabilities, right.truth) < 0.015
    assert ranked_error(wrong.probabilities, wrong.truth) == pytest.approx(0.3, abs=0.02)
    curve = reliability(right.probabilities, right.truth)
    assert [each.pairs for each in curve] == pytest.approx([20_000 / 15] * 15, abs=1)
    assert [each.mean_probability for each in curve] == sorted(each.mean_probability for each in curve)


def test_nothing_to_judge_is_none() -> None:
    """Logits, no documents, no codes."""
    split = random_split(0)
    assert ranked_pairs(split.scores * 5, split.gold) is None
    for shape in ((0, 3), (2, 0)):
        pairs = ranked_pairs(np.zeros(shape), Gold.from_rows([np.zeros(0, dtype=np.int64)] * shape[0], shape[1]))
        assert pairs is not None
        assert ranked_error(pairs.probabilities, pairs.truth) is None
        assert ranked_error_interval(pairs, pairs.probabilities) is None
