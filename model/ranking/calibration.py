"""Calibration: from the score of a candidate code to a probability that means something.

Plain numbers that ``training/ranking/calibration_fit.py`` fits. A global map (a temperature, Guo et al. 2017 "On
Calibration of Modern Neural Networks", section 4.2; or an isotonic one, Zadrozny & Elkan 2002) serves every code; a
map of each code is drawn towards it, so that a rare code keeps nearly the global one.

Shape: probabilities (C,) of candidates and their columns (C,) in, calibrated probabilities (C,) out, float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np

from model.errors import MalformedInput

EDGE = 1e-9
"""Probabilities are kept this far from 0 and 1, so that their logits are finite."""
STRIDE = 2.0
"""Distance between the knots of consecutive codes on one axis; inputs lie between 0 and 1."""


class Calibration(Protocol):
    """A fitted map; its fields are arrays, so that a bundle can hold it."""

    method: ClassVar[str]

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of candidates."""


@dataclass(frozen=True)
class Uncalibrated:
    """Scores as they are."""

    method: ClassVar[str] = "none"

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:  # noqa: ARG002 - one signature
        """The probabilities given."""
        return np.asarray(probabilities, dtype=np.float64)


@dataclass(frozen=True)
class Temperature:
    """p' = sigmoid(logit(p) / T)."""

    method: ClassVar[str] = "temperature"
    temperature: np.ndarray
    """Above 0, (1,)."""

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:  # noqa: ARG002 - one signature
        """Every logit divided by T."""
        return sigmoid(logit(probabilities) / self.temperature[0])


@dataclass(frozen=True)
class Isotonic:
    """A rising, piecewise linear map."""

    method: ClassVar[str] = "isotonic"
    inputs: np.ndarray
    """Rising, (K,)."""
    outputs: np.ndarray
    """Never falling, strictly between 0 and 1, (K,)."""

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:  # noqa: ARG002 - one signature
        """Linear between knots, level beyond them."""
        found: np.ndarray = np.interp(np.asarray(probabilities, dtype=np.float64), self.inputs, self.outputs)
        return found


@dataclass(frozen=True)
class PerCodePlatt:
    """p' = sigmoid(a_c logit(g(p)) + b_c) with g the global isotonic map (Platt 1999 on top of it)."""

    method: ClassVar[str] = "per-code platt"
    inputs: np.ndarray
    """Of the global map, (K,)."""
    outputs: np.ndarray
    slopes: np.ndarray
    """a by column, (U,); columns beyond have 1."""
    offsets: np.ndarray
    """b by column, (U,); columns beyond have 0."""

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The global map, then the code's own slope and offset."""
        everywhere = np.interp(np.asarray(probabilities, dtype=np.float64), self.inputs, self.outputs)
        own = columns < len(self.slopes)
        slopes, offsets = np.ones(len(columns)), np.zeros(len(columns))
        slopes[own], offsets[own] = self.slopes[columns[own]], self.offsets[columns[own]]
        return np.where(own, sigmoid(slopes * logit(everywhere) + offsets), everywhere)


@dataclass(frozen=True)
class PerCodeIsotonic:
    """p' = w_c h_c(p) + (1 - w_c) g(p) with h_c the code's isotonic map and g the global one."""

    method: ClassVar[str] = "per-code isotonic"
    inputs: np.ndarray
    """Of the global map, (K,)."""
    outputs: np.ndarray
    weights: np.ndarray
    """w by column, 0 to 1, (U,); columns beyond have 0."""
    code_inputs: np.ndarray
    """Knots of all codes' maps on one axis: column * STRIDE + probability, rising; each map begins at 0 and ends at
    1 (M,)."""
    code_outputs: np.ndarray

    def apply(self, probabilities: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Both maps, mixed by how much validation knew of the code."""
        clipped = np.clip(np.asarray(probabilities, dtype=np.float64), 0.0, 1.0)
        everywhere: np.ndarray = np.interp(clipped, self.inputs, self.outputs)
        weights = np.zeros(len(columns))
        known = columns < len(self.weights)
        weights[known] = self.weights[columns[known]]
        if not weights.any():
            return everywhere
        own = np.interp(columns * STRIDE + clipped, self.code_inputs, self.code_outputs)
        mixed: np.ndarray = weights * own + (1 - weights) * everywhere
        return mixed


CALIBRATIONS: dict[str, type[Any]] = {
    kind.method: kind for kind in (Uncalibrated, Temperature, Isotonic, PerCodePlatt, PerCodeIsotonic)
}


def calibration_arrays(calibration: Calibration) -> dict[str, np.ndarray]:
    """The map's numbers by name, for a bundle."""
    return {field.name: getattr(calibration, field.name) for field in fields(calibration)}  # type: ignore[arg-type]


def calibration_of(method: str, arrays: Mapping[str, np.ndarray]) -> Calibration:
    """The map with these numbers.

    Raises:
        MalformedInput: no such method, or other arrays than it has.
    """
    kind = CALIBRATIONS.get(method)
    if kind is None:
        raise MalformedInput(f"the calibration '{method}' is not known, expected one of {', '.join(CALIBRATIONS)}")
    if {field.name for field in fields(kind)} != set(arrays) or any(array.ndim != 1 for array in arrays.values()):
        raise MalformedInput(f"the calibration '{method}' has other numbers than it needs: fit it again")
    calibration: Calibration = kind(**arrays)
    return calibration


def logit(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), finite at 0 and 1."""
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), EDGE, 1 - EDGE)
    found: np.ndarray = np.log(clipped) - np.log1p(-clipped)
    return found


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)) without overflow."""
    found: np.ndarray = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))
    return found
