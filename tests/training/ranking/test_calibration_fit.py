"""Fitted calibrations: they find what was planted, draw rare codes to the rest, and are chosen out of fold."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from model.ranking.calibration import Isotonic, PerCodePlatt, sigmoid
from training.ranking.calibration_fit import (
    choose_calibration,
    fit_isotonic,
    fit_per_code_isotonic,
    fit_per_code_platt,
    fit_temperature,
    held_out_probabilities,
    log_loss,
    methods,
)
from training.ranking.candidate_pairs import CandidatePairs, note_folds, pairs_of_matrix


def planted(
    slope: float = 1.0, offsets: tuple[float, ...] = (0.0,), notes: int = 400, codes: int = 12, seed: int = 0
) -> tuple[CandidatePairs, np.ndarray]:
    """Scores sigmoid(z) of codes that are true with sigmoid(slope z + offset of the code)."""
    random = np.random.default_rng(seed)
    z = random.normal(-1, 1.5, (notes, codes))
    shift = np.resize(np.array(offsets), codes)
    truth = random.random(z.shape) < sigmoid(slope * z + shift)
    return pairs_of_matrix([np.flatnonzero(row) for row in truth], codes), sigmoid(z).ravel()


def test_the_planted_temperature_is_found() -> None:
    """Logits that are twice too large have the temperature 2."""
    pairs, scores = planted(slope=0.5, notes=2000)
    assert fit_temperature(pairs, scores).temperature[0] == pytest.approx(2.0, rel=0.1)


def test_a_score_that_ranks_backwards_or_knows_one_kind_has_temperature_one() -> None:
    """A negative temperature would turn the ranking round."""
    pairs, scores = planted(slope=-1.0)
    assert fit_temperature(pairs, scores).temperature[0] == 1.0
    nothing = pairs_of_matrix([np.zeros(0, dtype=np.int64)] * 3, 2)
    assert fit_temperature(nothing, np.full(6, 0.3)).temperature[0] == 1.0


def test_the_isotonic_map_is_scikit_learns_but_for_its_ends() -> None:
    """Half a pseudo-observation at either end moves the inner part by little and the ends off 0 and 1."""
    pairs, scores = planted()
    ours = fit_isotonic(pairs, scores)
    theirs = IsotonicRegression().fit(scores, pairs.truth)
    inner = np.linspace(0.1, 0.6, 9)
    np.testing.assert_allclose(ours.apply(inner, inner), theirs.predict(inner), atol=0.02)
    assert 0 < ours.outputs.min() <= ours.outputs.max() < 1
    assert (np.diff(ours.outputs) >= 0).all()


@pytest.mark.parametrize("fit", methods().values(), ids=methods())
def test_every_method_takes_no_pairs_and_pairs_of_one_kind(fit) -> None:
    """Nothing to learn from is no crash, and the answer is still a probability."""
    empty = CandidatePairs(*(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0, dtype=bool), np.zeros(2, dtype=np.int64))
    level = pairs_of_matrix([np.zeros(0, dtype=np.int64)] * 3, 2)
    for pairs, scores in ((empty, np.zeros(0)), (level, np.full(6, 0.4))):
        found = fit(pairs, scores).apply(np.array([0.0, 0.4, 1.0]), np.array([0, 1, 9]))
        assert ((found >= 0) & (found <= 1)).all()


def test_per_code_maps_draw_rare_codes_to_the_global_one() -> None:
    """A shrinkage without end leaves the global map; none at all finds the planted offset."""
    pairs, scores = planted(offsets=(-1.0, 1.0), notes=3000)
    everywhere = Isotonic(fit_isotonic(pairs, scores).inputs, fit_isotonic(pairs, scores).outputs)
    some = slice(0, 200)
    for fit in (fit_per_code_platt, fit_per_code_isotonic):
        drawn = fit(pairs, scores, 1e12).apply(scores[some], pairs.columns[some])
        np.testing.assert_allclose(drawn, everywhere.apply(scores[some], pairs.columns[some]), atol=1e-6)
        free = fit(pairs, scores, 1e-3).apply(np.array([0.5, 0.5]), np.array([0, 1]))
        np.testing.assert_allclose(free, sigmoid(np.array([-1.0, 1.0])), atol=0.05)


def test_codes_that_differ_are_given_maps_of_their_own() -> None:
    """The choice falls on a per-code method, and its log loss on fresh notes is the lower one."""
    offsets = (-2.0, 2.0, 0.0)
    pairs, scores = planted(offsets=offsets)
    choice = choose_calibration(pairs, scores, note_folds([f"p{i}" for i in range(400)]))
    assert choice.name.startswith("per-code")
    assert choice.log_losses[choice.name] == min(choice.log_losses.values())
    fresh, fresh_scores = planted(offsets=offsets, seed=1)
    after = log_loss(choice.calibration.apply(fresh_scores, fresh.columns), fresh.truth)
    assert after < log_loss(fresh_scores, fresh.truth) - 0.05


def test_scores_that_are_probabilities_already_are_hardly_moved() -> None:
    """No method beats the identity by more than noise."""
    pairs, scores = planted(notes=300)
    choice = choose_calibration(pairs, scores, note_folds([f"p{i}" for i in range(300)]))
    moved = np.abs(choice.calibration.apply(scores, pairs.columns) - scores)
    assert moved.mean() < 0.03


def test_a_pair_is_never_calibrated_by_its_own_note() -> None:
    """The truth of a fold's notes does not reach their own probabilities."""
    pairs, scores = planted(notes=30)
    folds = np.arange(30) % 3
    mine = (folds == 0)[pairs.notes]
    turned = CandidatePairs(pairs.notes, pairs.columns, np.where(mine, ~pairs.truth, pairs.truth), pairs.missed)
    before = held_out_probabilities(fit_isotonic, pairs, scores, folds)
    after = held_out_probabilities(fit_isotonic, turned, scores, folds)
    np.testing.assert_array_equal(before[mine], after[mine])
    assert not np.array_equal(before[~mine], after[~mine])


def test_log_loss_is_the_mean_surprise() -> None:
    """Finite for a certain error, 0 over nothing."""
    assert log_loss(np.array([0.5, 0.25]), np.array([True, False])) == pytest.approx(-np.log([0.5, 0.75]).mean())
    assert np.isfinite(log_loss(np.array([0.0]), np.array([True])))
    assert log_loss(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0
    assert isinstance(fit_per_code_platt(*planted(notes=20), 3.0), PerCodePlatt)
