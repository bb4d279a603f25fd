"""The channels that need no text."""

import numpy as np
import pytest

from model.icd import Code
from model.ranking.channels import classifier_channel, neighbour_channel
from model.ranking.neighbour_vote import RankingNeighbour, label_votes

CODES = [Code("icd10cm", f"A0{number}") for number in range(6)]


def column_of(code: Code) -> int | None:
    return CODES.index(code) if code in CODES else None


def test_the_classifier_knows_every_code_and_proposes_its_best() -> None:
    """Ranks count from 0, ties to the lower column."""
    found = classifier_channel(np.array([0.5, 0.9, 0.5, 0.1]), np.ones(4, dtype=bool), proposed=2)
    assert found.proposals.tolist() == [0, 1]
    values = dict(zip(found.features.names, found.features.values.T.tolist(), strict=True))
    assert values["classifier.logit"] == pytest.approx([0, np.log(9), 0, -np.log(9)], abs=1e-6)
    assert values["classifier.log_rank"] == pytest.approx(np.log2([2, 1, 3, 4]))
    assert values["classifier.behind_best"] == pytest.approx([-np.log(9), 0, -np.log(9), -2 * np.log(9)], abs=1e-6)


def test_votes_equal_the_vote_of_all_labels() -> None:
    """For 5, 15 and 50 neighbours; codes outside the code set and codes named twice change nothing."""
    random = np.random.default_rng(0)
    similarities = np.sort(random.uniform(0.3, 1, 60))[::-1]
    carried = [sorted(random.choice(6, random.integers(0, 4), replace=False).tolist()) for _ in range(60)]
    outside = Code("icd10cm", "Z99")
    voters = [
        RankingNeighbour(float(similarity), [*(CODES[column] for column in columns), outside])
        for similarity, columns in zip(similarities, carried, strict=True)
    ]
    found = neighbour_channel(voters, column_of).features
    values = dict(zip(found.names, found.values.T, strict=True))
    rows = [np.array(columns, dtype=np.int64) for columns in carried]
    for nearest in (5, 15, 50):
        expected = label_votes(similarities[:nearest], rows[:nearest], 6, 10.0)[found.columns]
        np.testing.assert_allclose(values[f"neighbours.vote_{nearest}"], expected, rtol=1e-5)
    for place, column in enumerate(found.columns.tolist()):
        ranks = [rank for rank in range(50) if column in carried[rank]]
        assert values["neighbours.count"][place] == len(ranks)
        assert values["neighbours.nearest_log_rank"][place] == pytest.approx(np.log2(1 + ranks[0]))
        assert values["neighbours.nearest_similarity"][place] == pytest.approx(similarities[ranks[0]])


def test_no_neighbours_say_nothing() -> None:
    """No candidate, the same features."""
    found = neighbour_channel([], column_of)
    assert found.features.values.shape == (0, len(found.features.names))
    assert found.proposals.size == 0


def test_the_classifier_is_silent_about_codes_without_a_training_note() -> None:
    """A label space may know of codes that only other splits have: they are ranked as codes outside of it are."""
    found = classifier_channel(np.array([0.5, 0.9, 0.6, 0.1]), np.array([True, False, True, True]), proposed=2)
    assert found.features.columns.tolist() == [0, 2, 3]
    assert found.proposals.tolist() == [0, 2]
    assert found.features.values[1, 2] == 0  # the best of those it knows
