"""Slopes and offsets of all codes at once equal those of each code alone."""

import numpy as np
import pytest
from scipy.optimize import minimize

from training.ranking.per_code_platt import fit_slopes


def alone(logits: np.ndarray, truth: np.ndarray, shrinkage: float) -> np.ndarray:
    """One code by a general minimiser."""

    def objective(parameters: np.ndarray) -> float:
        z = parameters[0] * logits + parameters[1]
        losses = np.logaddexp(0, z) - truth * z
        return float(losses.sum() + shrinkage / 2 * ((parameters[0] - 1) ** 2 + parameters[1] ** 2))

    return minimize(objective, np.array([1.0, 0.0]), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x


@pytest.mark.parametrize("shrinkage", [0.5, 3.0, 30.0])
def test_equals_a_general_minimiser_code_by_code(shrinkage: float) -> None:
    """With skewed logits, codes that are all one kind, and logits far out."""
    random = np.random.default_rng(0)
    columns = random.integers(0, 6, 300)
    logits = random.normal(-3, 4, 300)
    truth = random.random(300) < 1 / (1 + np.exp(-0.6 * logits - columns + 2))
    truth[columns == 0], truth[columns == 1] = False, True
    slopes, offsets = fit_slopes(logits, truth, columns, 7, shrinkage)
    for column in range(6):
        mine = columns == column
        np.testing.assert_allclose(
            [slopes[column], offsets[column]], alone(logits[mine], truth[mine], shrinkage), atol=1e-4
        )
    assert (slopes[6], offsets[6]) == (1.0, 0.0)
