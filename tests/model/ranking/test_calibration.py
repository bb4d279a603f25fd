"""Calibration maps: what they do to a probability, and how they travel."""

import numpy as np
import pytest

from model.errors import MalformedInput
from model.ranking.calibration import (
    STRIDE,
    Isotonic,
    PerCodeIsotonic,
    PerCodePlatt,
    Temperature,
    Uncalibrated,
    calibration_arrays,
    calibration_of,
    logit,
    sigmoid,
)

KNOTS = np.array([0.0, 0.5, 1.0]), np.array([0.1, 0.2, 0.9])
MAPS = [
    Uncalibrated(),
    Temperature(np.array([2.0])),
    Isotonic(*KNOTS),
    PerCodePlatt(*KNOTS, np.array([1.0, 0.5]), np.array([0.0, 1.0])),
    PerCodeIsotonic(
        *KNOTS,
        np.array([0.0, 0.25]),
        np.array([STRIDE, STRIDE + 0.5, STRIDE + 1]),
        np.array([0.3, 0.3, 0.7]),
    ),
]


def test_sigmoid_undoes_logit_and_both_stay_finite() -> None:
    """At 0 and 1 too."""
    values = np.array([0.0, 1e-6, 0.3, 0.9, 1.0])
    assert np.isfinite(logit(values)).all()
    np.testing.assert_allclose(sigmoid(logit(values)), values, atol=1e-8)
    assert sigmoid(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]


def test_a_temperature_above_one_draws_towards_one_half() -> None:
    """And leaves one half where it is."""
    found = Temperature(np.array([2.0])).apply(np.array([0.1, 0.5, 0.9]), np.arange(3))
    np.testing.assert_allclose(found, [0.25, 0.5, 0.75])


def test_an_isotonic_map_is_linear_between_its_knots() -> None:
    """And level beyond them."""
    found = Isotonic(np.array([0.2, 0.6]), np.array([0.1, 0.5])).apply(np.array([0.0, 0.4, 1.0]), np.zeros(3))
    np.testing.assert_allclose(found, [0.1, 0.3, 0.5])


def test_a_code_without_numbers_of_its_own_has_the_global_map() -> None:
    """Columns beyond those that validation saw, and codes of weight 0."""
    probabilities, beyond = np.array([0.25, 0.75]), np.array([0, 70_000])
    expected = Isotonic(*KNOTS).apply(probabilities, beyond)
    for each in MAPS[3:]:
        np.testing.assert_allclose(each.apply(probabilities, beyond), expected)


def test_a_code_of_its_own_mixes_its_map_with_the_global_one() -> None:
    """A code at a time, by the formulas."""
    probabilities, columns = np.array([0.75, 0.75]), np.array([1, 0])
    everywhere = 0.55
    platt = 1 / (1 + np.exp(-(0.5 * np.log(everywhere / (1 - everywhere)) + 1.0)))
    np.testing.assert_allclose(MAPS[3].apply(probabilities, columns), [platt, everywhere])
    np.testing.assert_allclose(MAPS[4].apply(probabilities, columns), [0.25 * 0.5 + 0.75 * everywhere, everywhere])


@pytest.mark.parametrize("calibration", MAPS, ids=lambda each: each.method)
def test_a_map_made_of_its_arrays_is_the_same(calibration) -> None:
    """Method and arrays are all there is."""
    again = calibration_of(calibration.method, calibration_arrays(calibration))
    values, columns = np.linspace(0, 1, 7), np.arange(7) % 3
    np.testing.assert_array_equal(again.apply(values, columns), calibration.apply(values, columns))


def test_numbers_that_do_not_fit_are_refused() -> None:
    """An unknown method, and another method's arrays."""
    with pytest.raises(MalformedInput, match="'magic' is not known"):
        calibration_of("magic", {})
    with pytest.raises(MalformedInput, match="'isotonic' has other numbers"):
        calibration_of("isotonic", {"temperature": np.ones(1)})
