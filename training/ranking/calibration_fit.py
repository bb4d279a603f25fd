"""Fits calibrations on candidate pairs and chooses one by cross-validated log loss."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from model.ranking.calibration import (
    EDGE,
    STRIDE,
    Calibration,
    Isotonic,
    PerCodeIsotonic,
    PerCodePlatt,
    Temperature,
    Uncalibrated,
    logit,
)
from training.ranking.candidate_pairs import CandidatePairs
from training.ranking.per_code_platt import fit_slopes

PLATT_SHRINKAGES = (3.0, 30.0)
"""Precisions of the normal prior around the global map's slope 1 and offset 0; validation chooses one."""
ISOTONIC_SHRINKAGES = (10.0, 50.0)
"""Notes with a code at which its own map weighs as much as the global one; validation chooses one."""
PSEUDO_WEIGHT = 0.5
"""Weight of one added positive at the lowest score and one added negative at the highest, so that no block of an
isotonic map is 0 or 1 (half an observation, as in the estimator of Krichevsky and Trofimov)."""

LEAST_POSITIVES = 5
"""A code with fewer notes uses the global map alone: shrinkage would leave little of its own; untuned."""

Fit = Callable[[CandidatePairs, np.ndarray], Calibration]


@dataclass(frozen=True)
class CalibrationChoice:
    """The calibration with the lowest cross-validated log loss, refitted on all notes."""

    name: str
    calibration: Calibration
    log_losses: dict[str, float]
    """Mean over held-out pairs of every method that was tried, by name."""


def fit_temperature(pairs: CandidatePairs, scores: np.ndarray) -> Temperature:
    """The T with the lowest log loss: 1 / T is the coefficient of a logistic regression on the logit alone."""
    from sklearn.linear_model import LogisticRegression

    if not _both_kinds(pairs.truth):
        return Temperature(np.ones(1))
    fitted = LogisticRegression(C=np.inf, fit_intercept=False).fit(logit(scores)[:, None], pairs.truth)
    slope = float(fitted.coef_[0, 0])
    return Temperature(np.array([1 / slope if slope > 0 else 1.0]))


def fit_isotonic(pairs: CandidatePairs, scores: np.ndarray) -> Isotonic:
    """The isotonic map with the lowest squared error, strictly between 0 and 1."""
    return Isotonic(*_isotonic_knots(scores, pairs.truth))


def fit_per_code_platt(pairs: CandidatePairs, scores: np.ndarray, shrinkage: float) -> PerCodePlatt:
    """Slope and offset of every code with LEAST_POSITIVES, on top of the global isotonic map."""
    everywhere = fit_isotonic(pairs, scores)
    positives = _positives(pairs)
    slopes, offsets = np.ones(len(positives)), np.zeros(len(positives))
    frequent = np.flatnonzero(positives >= LEAST_POSITIVES)
    own = np.flatnonzero(positives[pairs.columns] >= LEAST_POSITIVES)
    logits = logit(everywhere.apply(scores[own], pairs.columns[own]))
    places = np.searchsorted(frequent, pairs.columns[own])
    slopes[frequent], offsets[frequent] = fit_slopes(logits, pairs.truth[own], places, len(frequent), shrinkage)
    return PerCodePlatt(everywhere.inputs, everywhere.outputs, slopes, offsets)


def fit_per_code_isotonic(pairs: CandidatePairs, scores: np.ndarray, shrinkage: float) -> PerCodeIsotonic:
    """A map of every code with m >= LEAST_POSITIVES; it weighs m / (m + shrinkage)."""
    everywhere = fit_isotonic(pairs, scores)
    positives = _positives(pairs)
    positives = np.where(positives >= LEAST_POSITIVES, positives, 0)
    order = np.argsort(pairs.columns, kind="stable")
    bounds = np.searchsorted(pairs.columns[order], np.arange(len(positives) + 1))
    knots, values = [np.zeros(0)], [np.zeros(0)]
    for column in np.flatnonzero(positives).tolist():
        own = order[bounds[column] : bounds[column + 1]]
        inputs, outputs = _isotonic_knots(scores[own], pairs.truth[own])
        knots.append(column * STRIDE + np.concatenate([[0.0], inputs, [1.0]]))
        values.append(np.concatenate([outputs[:1], outputs, outputs[-1:]]))
    weights = positives / (positives + shrinkage)
    return PerCodeIsotonic(
        everywhere.inputs, everywhere.outputs, weights, np.concatenate(knots), np.concatenate(values)
    )


def methods() -> dict[str, Fit]:
    """The methods to choose from, simplest first."""
    found: dict[str, Fit] = {
        "none": lambda _pairs, _scores: Uncalibrated(),
        "temperature": fit_temperature,
        "isotonic": fit_isotonic,
    }
    for value in PLATT_SHRINKAGES:
        found[f"per-code platt, shrinkage {value:g}"] = partial(fit_per_code_platt, shrinkage=value)
    for value in ISOTONIC_SHRINKAGES:
        found[f"per-code isotonic, shrinkage {value:g}"] = partial(fit_per_code_isotonic, shrinkage=value)
    return found


def choose_calibration(pairs: CandidatePairs, scores: np.ndarray, folds: np.ndarray) -> CalibrationChoice:
    """The method with the lowest cross-validated log loss; ties go to the simplest.

    Args:
        scores: out-of-fold probabilities of the pairs, (P,).
        folds: of each note, int (n,).
    """
    tried = methods()
    losses = {
        name: log_loss(held_out_probabilities(fit, pairs, scores, folds), pairs.truth) for name, fit in tried.items()
    }
    best = min(losses, key=lambda name: losses[name])
    return CalibrationChoice(best, tried[best](pairs, scores), losses)


def held_out_probabilities(fit: Fit, pairs: CandidatePairs, scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold calibrated probabilities: each fold by a map fitted on the others, (P,)."""
    found = np.empty(len(scores))
    for fold in np.unique(folds).tolist():
        held = (folds == fold)[pairs.notes]
        fitted = fit(pairs.some(folds != fold), scores[~held])
        found[held] = fitted.apply(scores[held], pairs.columns[held])
    return found


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean negative log likelihood of the truth; 0 for no pairs."""
    if not len(probabilities):
        return 0.0
    clipped = np.clip(probabilities, EDGE, 1 - EDGE)
    return float(-np.log(np.where(truth, clipped, 1 - clipped)).mean())


def _positives(pairs: CandidatePairs) -> np.ndarray:
    """Notes with each code, up to the highest column that was a candidate."""
    return np.bincount(pairs.columns[pairs.truth], minlength=int(pairs.columns.max(initial=-1)) + 1)


def _isotonic_knots(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.isotonic import IsotonicRegression

    low, high = float(np.min(scores, initial=1.0)), float(np.max(scores, initial=0.0))
    inputs = np.concatenate([scores, [min(low, high), max(low, high)]]).astype(np.float64)
    wanted = np.concatenate([truth, [1.0, 0.0]]).astype(np.float64)
    weights = np.concatenate([np.ones(len(scores)), [PSEUDO_WEIGHT, PSEUDO_WEIGHT]])
    fitted = IsotonicRegression(out_of_bounds="clip").fit(inputs, wanted, weights)
    return fitted.X_thresholds_, fitted.y_thresholds_


def _both_kinds(truth: np.ndarray) -> bool:
    return bool(truth.any()) and not bool(truth.all())
