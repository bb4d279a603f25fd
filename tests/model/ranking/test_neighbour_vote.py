"""The vote of the neighbours, against loops."""

import numpy as np
import pytest

from model.icd import Code
from model.ranking.neighbour_vote import RankingNeighbour, label_votes, support, vote_weights

HEART, SUGAR, FALL = Code("icd9cm", "428.0"), Code("icd9cm", "250.00"), Code("icd9cm", "E888.9")


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0, 30.0])
def test_votes_equal_a_plain_loop(sharpness: float) -> None:
    """Each neighbour gives its weight to each of its labels."""
    random = np.random.default_rng(0)
    similarities = random.uniform(-0.3, 1.0, size=12)
    rows = [np.flatnonzero(random.random(7) < 0.4) for _ in similarities]
    expected = np.zeros(7)
    total = sum(max(similarity, 0.0) ** sharpness for similarity in similarities)
    for similarity, columns in zip(similarities, rows, strict=True):
        for column in columns:
            expected[column] += max(similarity, 0.0) ** sharpness / total
    assert label_votes(similarities, rows, 7, sharpness) == pytest.approx(expected)


def test_tiny_similarities_to_a_high_power_do_not_vanish() -> None:
    """1e-30 to the hundredth power is no float; their ratio still decides."""
    weights = vote_weights(np.array([1e-30, 5e-31]), sharpness=100.0)
    assert weights[0] == pytest.approx(1.0)
    assert weights.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("similarities", [[], [0.0, 0.0], [-0.2, -1.0]])
def test_nobody_votes_without_a_positive_similarity(similarities: list[float]) -> None:
    """Zeros, never NaN."""
    rows = [np.array([1])] * len(similarities)
    assert vote_weights(np.array(similarities)).tolist() == [0.0] * len(similarities)
    assert label_votes(np.array(similarities), rows, 2).tolist() == [0.0, 0.0]


def test_a_neighbour_without_codes_weighs_but_votes_for_nothing() -> None:
    """So a lone carrier among silent notes has no majority."""
    votes = label_votes(np.array([0.5, 0.5, 0.5]), [np.array([], dtype=int), np.array([0]), np.array([], dtype=int)], 1)
    assert votes == pytest.approx([1 / 3])


def test_support_counts_weighs_and_compares_with_the_classifier() -> None:
    """0.9 + 0.6 of 1.8 carry heart failure; 0.3 of 1.8 the fall; nobody diabetes."""
    neighbours = [RankingNeighbour(0.9, [HEART]), RankingNeighbour(0.6, [HEART]), RankingNeighbour(0.3, [FALL])]
    heart, fall, sugar = (support(neighbours, code, selected=True) for code in (HEART, FALL, SUGAR))
    assert heart is not None
    assert fall is not None
    assert sugar is not None
    assert (heart.count, heart.share, heart.agrees) == (2, pytest.approx(1.5 / 1.8), True)
    assert (fall.count, fall.share, fall.agrees) == (1, pytest.approx(0.3 / 1.8), False)
    assert (sugar.count, sugar.share, sugar.agrees) == (0, 0.0, False)
    not_selected = support(neighbours, SUGAR, selected=False)
    assert not_selected is not None
    assert not_selected.agrees


def test_no_neighbours_no_support() -> None:
    """Nothing was asked, so nothing agrees or disagrees."""
    assert support([], HEART, selected=True) is None


def test_a_code_that_all_carry_has_the_share_one() -> None:
    """Never a rounding error above it."""
    for size in range(1, 60):
        neighbours = [RankingNeighbour(0.1 + 0.013 * index, {HEART}) for index in range(size)]
        found = support(neighbours, HEART, selected=True)
        assert found is not None
        assert found.share <= 1.0
        assert found.share == pytest.approx(1.0)
