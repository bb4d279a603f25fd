"""Threshold policies: the threshold of a code, and how they travel."""

import json

import numpy as np
import pytest

from model.errors import InvalidOption, MalformedInput
from model.ranking.thresholds import ThresholdPolicy, policy_from_json, policy_named, precision_policy

PER_CODE = ThresholdPolicy("per-code", 0.4, np.array([0.1, 0.2]), 0.7, None)


def test_a_code_without_a_threshold_of_its_own_has_the_one_of_all() -> None:
    """Columns beyond the list too."""
    assert PER_CODE.of(np.array([1, 5, 0])).tolist() == [0.2, 0.4, 0.1]
    assert ThresholdPolicy("global", 0.3).of(np.arange(2)).tolist() == [0.3, 0.3]


def test_a_policy_survives_json() -> None:
    """Every field, to the last bit."""
    for policy in (PER_CODE, ThresholdPolicy(precision_policy(0.95), 1 / 3)):
        again = policy_from_json(json.loads(json.dumps(policy.to_json())))
        assert again.to_json() == policy.to_json()
        np.testing.assert_array_equal(again.of(np.arange(4)), policy.of(np.arange(4)))


@pytest.mark.parametrize(
    "changed",
    [{"everywhere": float("nan")}, {"own": [0.1, None]}, {"own": [[0.1]]}, {"extra": 1}, {"everywhere": "much"}],
)
def test_a_policy_that_is_none_is_refused(changed: dict[str, object]) -> None:
    """One sentence with the next step."""
    with pytest.raises(MalformedInput, match="train the bundle again"):
        policy_from_json(PER_CODE.to_json() | changed)
    with pytest.raises(MalformedInput):
        policy_from_json([1, 2])


def test_a_policy_is_found_by_name() -> None:
    """An unknown name lists the known ones."""
    assert policy_named([PER_CODE], "per-code") is PER_CODE
    with pytest.raises(InvalidOption, match="no such threshold policy.*per-code"):
        policy_named([PER_CODE], "best")
