"""Platt's slope and offset of every code at once, with a normal prior around those of the global map."""

import numpy as np

from model.ranking.calibration import sigmoid

STEPS = 200
CLOSE = 1e-10
"""A step of every code shorter than this ends the search."""


def fit_slopes(
    logits: np.ndarray, truth: np.ndarray, columns: np.ndarray, num_codes: int, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each code c the (a, b) that minimise, by Newton's method with halved steps,

        sum_i log loss(sigmoid(a z_i + b), y_i) + shrinkage / 2 ((a - 1)^2 + b^2)

    over its pairs (Platt 1999; the ridge keeps a code without pairs at 1 and 0).

    Shape:
        logits z, truth y and columns (P,); returns slopes and offsets (num_codes,) float64.
    """
    problem = _Problem(logits, truth.astype(np.float64), columns, num_codes, shrinkage)
    parameters = np.stack([np.ones(num_codes), np.zeros(num_codes)])  # (2, codes)
    reached, scale = problem.objective(parameters), np.ones(num_codes)
    step = problem.newton_step(parameters)
    for _ in range(STEPS):
        tried = parameters - scale * step
        objective = problem.objective(tried)
        better = objective <= reached  # each code for itself: a full step may overshoot far from the minimum
        parameters = np.where(better, tried, parameters)
        moved = np.abs(scale * step).max(initial=0.0)
        reached, scale = np.where(better, objective, reached), np.where(better, 1.0, scale / 2)
        if moved < CLOSE:
            break
        step = problem.newton_step(parameters)
    return parameters[0], parameters[1]


class _Problem:
    """The objective of every code, and Newton's step towards its minimum."""

    def __init__(
        self, logits: np.ndarray, truth: np.ndarray, columns: np.ndarray, num_codes: int, shrinkage: float
    ) -> None:
        self.logits, self.truth, self.columns = logits, truth, columns
        self.num_codes, self.shrinkage = num_codes, shrinkage

    def objective(self, parameters: np.ndarray) -> np.ndarray:
        """By code, (codes,)."""
        z = self._mapped(parameters)
        ridge = (parameters[0] - 1) ** 2 + parameters[1] ** 2
        value: np.ndarray = self._summed(np.logaddexp(0, z) - self.truth * z) + self.shrinkage / 2 * ridge
        return value

    def newton_step(self, parameters: np.ndarray) -> np.ndarray:
        """Inverse Hessian times gradient of each code, (2, codes)."""
        probability = sigmoid(self._mapped(parameters))
        error, weight = probability - self.truth, probability * (1 - probability)
        slope_gradient = self._summed(error * self.logits) + self.shrinkage * (parameters[0] - 1)
        offset_gradient = self._summed(error) + self.shrinkage * parameters[1]
        slope_slope = self._summed(weight * self.logits**2) + self.shrinkage
        mixed = self._summed(weight * self.logits)
        offset_offset = self._summed(weight) + self.shrinkage
        slope_step = offset_offset * slope_gradient - mixed * offset_gradient
        offset_step = slope_slope * offset_gradient - mixed * slope_gradient
        step: np.ndarray = np.stack([slope_step, offset_step]) / (slope_slope * offset_offset - mixed**2)
        return step

    def _mapped(self, parameters: np.ndarray) -> np.ndarray:
        mapped: np.ndarray = parameters[0, self.columns] * self.logits + parameters[1, self.columns]
        return mapped

    def _summed(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.columns, weights=values, minlength=self.num_codes)
