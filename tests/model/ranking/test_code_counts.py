"""Counts of single codes: what they say, and that they come back from JSON whole or not at all."""

import json
from typing import Any

import numpy as np
import pytest

from model.errors import MalformedInput
from model.ranking.code_counts import CodeCounts, counts_from_json
from model.ranking.thresholds import ThresholdPolicy, policy_from_json

COUNTS = CodeCounts(9, np.array([1, 4]), np.array([2, 0]), np.array([2, 0]), np.array([0, 3]))


def test_a_record_has_what_can_be_said() -> None:
    """A share of no notes is none."""
    assert COUNTS.of(1) == (0.5, 4, 1.0, 2)
    assert COUNTS.of(4) == (None, 0, 0.0, 3)
    assert COUNTS.of(0) == COUNTS.of(3) == COUNTS.of(99) == (None, 0, None, 0)


def test_counts_come_back_from_json_with_their_policy() -> None:
    """A policy without them is written as bundles of earlier versions have it."""
    policy = ThresholdPolicy("global", 0.5, counts=COUNTS)
    again = policy_from_json(json.loads(json.dumps(policy.to_json())))
    assert again.counts is not None
    assert again.to_json() == policy.to_json()
    assert again.counts.of(1) == COUNTS.of(1)
    old = ThresholdPolicy("global", 0.5).to_json()
    assert "counts" not in old
    assert policy_from_json(old).counts is None


@pytest.mark.parametrize(
    "changed",
    [
        {"columns": [4, 1]},
        {"columns": [1]},
        {"true_positives": [-1, 0]},
        {"false_positives": [10, 0]},
        {"false_negatives": ["x", 0]},
        {"notes": None},
        {"columns": [[1, 4]]},
        {"true_positives": [10**30, 0]},
    ],
)
def test_counts_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    """In one sentence."""
    with pytest.raises(MalformedInput, match="counts of single codes"):
        counts_from_json(COUNTS.to_json() | changed)
