"""Conformal sets: the threshold of the definition, and a false-negative rate that is what was asked for."""

import numpy as np
import pytest

from model.errors import EmptyDataset, InvalidOption
from training.ranking.candidate_pairs import CandidatePairs
from training.ranking.conformal_fit import coverage_of, fit_conformal, held_out_coverage


def simulated(notes: int, seed: int, candidates: int = 30) -> tuple[CandidatePairs, np.ndarray]:
    """Scores in steps of 0.001; true codes score higher; one note in ten lacks a code, some have none."""
    random = np.random.default_rng(seed)
    truth = random.random((notes, candidates)) < random.uniform(0, 0.4, notes)[:, None]
    scores = np.round(1 / (1 + np.exp(-random.normal(2.0 * truth - 1, 1))), 3)
    index = np.repeat(np.arange(notes), candidates)
    missed = (random.random(notes) < 0.1).astype(np.int64)
    return CandidatePairs(index, np.tile(np.arange(candidates), notes), truth.ravel(), missed), scores.ravel()


def looped(pairs: CandidatePairs, scores: np.ndarray, target: float) -> float | None:
    """Every score tried as a threshold, every note counted."""
    best = None
    for threshold in sorted({*scores.tolist()}):
        losses = []
        for note in range(pairs.num_notes):
            own = scores[(pairs.notes == note) & pairs.truth]
            total = own.size + pairs.missed[note]
            if total:
                losses.append(((own < threshold).sum() + pairs.missed[note]) / total)
        n = len(losses)
        if n / (n + 1) * np.mean(losses) + 1 / (n + 1) <= target:
            best = threshold
    return best


@pytest.mark.parametrize("target", [0.12, 0.2, 0.5])
def test_the_threshold_is_that_of_the_definition(target: float) -> None:
    """It lets in what the highest of all scores that keep the bound lets in."""
    pairs, scores = simulated(60, 3)
    found, slow = fit_conformal(pairs, scores, target), looped(pairs, scores, target)
    assert slow is not None
    mine, theirs = found.member(scores)[pairs.truth], (scores >= slow)[pairs.truth]
    np.testing.assert_array_equal(mine, theirs)
    assert found.notes == (pairs.totals > 0).sum()


@pytest.mark.parametrize("target", [0.1, 0.2, 0.3])
def test_the_target_lies_in_the_interval_of_held_out_notes(target: float) -> None:
    """On simulated notes, pooled over five folds; a higher rate makes smaller sets."""
    pairs, scores = simulated(1500, 0)
    coverage = held_out_coverage(pairs, scores, np.arange(1500) % 5, target)
    assert coverage.holds, coverage
    assert coverage.mean_set_size > held_out_coverage(pairs, scores, np.arange(1500) % 5, target + 0.2).mean_set_size


def test_the_mean_rate_over_many_draws_keeps_the_promise() -> None:
    """200 fits on 40 notes each: the rate on fresh notes is at most the target, and close to it."""
    rates = []
    fresh, fresh_scores = simulated(2000, 999)
    for seed in range(200):
        fitted = fit_conformal(*simulated(40, seed), 0.25)
        rates.append(coverage_of(fresh, fitted.member(fresh_scores), 0.25).false_negative_rate.value)
    error = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) <= 0.25 + 2 * error
    assert np.mean(rates) >= 0.25 - 1 / 41 - 3 * error


def test_coverage_counts_note_by_note() -> None:
    """Half the codes of the first note are lost, the second has none, the third one was no candidate."""
    pairs = CandidatePairs(
        np.array([0, 0, 1, 2]), np.zeros(4, dtype=np.int64), np.array([True, True, False, False]), np.array([0, 0, 1])
    )
    found = coverage_of(pairs, np.array([True, False, True, True]), 0.5)
    assert found.false_negative_rate.value == 0.75
    assert (found.mean_set_size, found.notes) == (1.0, 2)


def test_targets_that_cannot_be_kept_are_refused() -> None:
    """Out of range, below what the candidates allow, and without a single code."""
    pairs, scores = simulated(50, 0)
    for wrong in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(InvalidOption, match="between 0 and 1"):
            fit_conformal(pairs, scores, wrong)
    with pytest.raises(InvalidOption, match=r"allow 0\.\d+ or more"):
        fit_conformal(pairs, scores, 0.001)
    empty = CandidatePairs(
        np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool), np.zeros(1)
    )
    with pytest.raises(EmptyDataset, match="larger split"):
        fit_conformal(empty, np.ones(1), 0.1)
