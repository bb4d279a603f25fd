"""Threshold policies: what they select, and what is expected of them."""

import numpy as np
import pytest

from model.errors import EmptyDataset
from training.evaluation.threshold_tuning import tune
from training.ranking.candidate_pairs import CandidatePairs, pairs_of_matrix
from training.ranking.threshold_policies import fit_policies, fit_policies_of_pairs

CODES = 8


def drawn(notes: int, seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Probabilities that come true as they say."""
    random = np.random.default_rng(seed)
    scores = random.beta(0.4, 1.2, (notes, CODES))
    return scores, [np.flatnonzero(row) for row in random.random(scores.shape) < scores]


def test_the_thresholds_are_those_of_all_notes_and_the_expectations_of_held_out_ones() -> None:
    """As tune() chooses them; precision and recall close to those of fresh notes."""
    scores, rows = drawn(1500, 0)
    found = {
        policy.name: policy
        for policy in fit_policies(scores, rows, np.zeros(1500, dtype=np.int64), _patients(1500)).policies
    }
    assert list(found) == ["global", "per-code", "precision-0.8", "precision-0.95"]
    assert found["global"].everywhere == tune("global", scores, rows).value
    np.testing.assert_array_equal(found["per-code"].own, tune("per-code", scores, rows).value)
    fresh, truth = drawn(2000, 1)
    assigned = np.zeros(fresh.shape, dtype=bool)
    for row, columns in enumerate(truth):
        assigned[row, columns] = True
    for policy in found.values():
        chosen = fresh > policy.of(np.arange(CODES))
        assert policy.expected_precision == pytest.approx((chosen & assigned).sum() / chosen.sum(), abs=0.05)
        assert policy.expected_recall == pytest.approx((chosen & assigned).sum() / assigned.sum(), abs=0.05)


def test_codes_outside_the_columns_lower_the_expected_recall_alone() -> None:
    """One missed code a note beside the recall without it."""
    scores, rows = drawn(100, 0)
    plain = fit_policies(scores, rows, np.zeros(100, dtype=np.int64), _patients(100), (0.8,)).policies[2]
    missed = fit_policies(scores, rows, np.ones(100, dtype=np.int64), _patients(100), (0.8,)).policies[2]
    assigned = sum(map(len, rows))
    assert missed.expected_precision == plain.expected_precision
    assert missed.expected_recall == pytest.approx(plain.expected_recall * assigned / (assigned + 100))


def test_a_precision_out_of_reach_is_named() -> None:
    """The other policies stand."""
    random = np.random.default_rng(0)
    scores, rows = random.random((50, CODES)), [random.integers(0, CODES, 1) for _ in range(50)]
    found = fit_policies(scores, rows, np.zeros(50, dtype=np.int64), _patients(50), (0.95,))
    assert [policy.name for policy in found.policies] == ["global", "per-code"]
    assert "no threshold reaches it" in found.out_of_reach["precision-0.95"]


def test_a_single_patient_has_thresholds_and_no_expectation() -> None:
    """Nothing can be held back."""
    scores, rows = drawn(30, 0)
    policy = fit_policies(scores, rows, np.zeros(30, dtype=np.int64), ["p"] * 30).policies[0]
    assert (policy.expected_precision, policy.expected_recall) == (None, None)


def test_pairs_of_every_code_give_the_policies_of_the_matrix() -> None:
    """And candidates alone give the same where the others have the probability 0."""
    scores, rows = drawn(60, 0)
    scores = scores.astype(np.float32)
    missed = np.zeros(60, dtype=np.int64)
    whole = fit_policies(scores, rows, missed, _patients(60), (0.8,))
    pairs = pairs_of_matrix(rows, CODES)
    again = fit_policies_of_pairs(pairs, scores.ravel(), _patients(60), (0.8,))
    assert _plain(again.policies) == _plain(whole.policies)
    kept = (scores.ravel() > 0.05) | pairs.truth
    some = CandidatePairs(pairs.notes[kept], 3 * pairs.columns[kept], pairs.truth[kept], missed)
    spread = fit_policies_of_pairs(some, scores.ravel()[kept], _patients(60), (0.8,)).policies
    assert spread[0].everywhere == whole.policies[0].everywhere
    assert spread[1].own is not None
    assert spread[1].own[1] == spread[1].everywhere  # a column that never was a candidate


def test_no_code_at_all_is_refused() -> None:
    """With the step that mends it."""
    with pytest.raises(EmptyDataset, match="larger dev split"):
        fit_policies(np.zeros((3, 2)), [np.zeros(0, dtype=np.int64)] * 3, np.zeros(3, dtype=np.int64), list("abc"))


def _patients(number: int) -> list[str]:
    return [f"p{index // 2}" for index in range(number)]


def _plain(policies) -> list[object]:
    return [policy.to_json() for policy in policies]
