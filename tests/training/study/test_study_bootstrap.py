"""Paired bootstrap over documents and seeds, beside plain loops."""

import numpy as np
import pytest

from training.evaluation.bootstrap import SeedResampling
from training.study.verdicts import holm


def counts(seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    wholes = random.integers(1, 6, (3, 60)).astype(float)
    return np.minimum(wholes, random.random((3, 60)) * wholes + shift), wholes


def test_the_interval_is_that_of_plain_loops() -> None:
    """Other draws of the same distribution: documents and seeds with replacement."""
    parts, wholes = counts(0)
    estimate = SeedResampling(60, 2000).mean(parts, wholes)
    random = np.random.default_rng(9)
    means = []
    for _ in range(2000):
        documents, seeds = random.integers(60, size=60), random.integers(3, size=3)
        means.append(np.mean([parts[seed, documents].sum() / wholes[seed, documents].sum() for seed in seeds]))
    assert estimate.value == pytest.approx(np.mean(parts.sum(1) / wholes.sum(1)))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.01)


def test_a_run_against_itself_differs_by_nothing() -> None:
    """Same resamples on both sides, so no width; and p is 1."""
    parts, wholes = counts(1)
    found = SeedResampling(60, 500).difference(parts, wholes, parts, wholes)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_clear_difference_is_found_with_its_sign() -> None:
    """The smallest p that the resamples allow, and the opposite sign the other way round."""
    ours, theirs = counts(2, shift=1.0), counts(2)
    resampling = SeedResampling(60, 999)
    found, back = resampling.difference(*ours, *theirs), resampling.difference(*theirs, *ours)
    assert found.low > 0
    assert found.p == pytest.approx(2 / 1000)
    assert back.value == pytest.approx(-found.value)


def test_a_resample_without_anything_to_count_is_zero() -> None:
    """One document of sixty counts: some resamples miss it, and nothing divides by zero."""
    parts, wholes = np.zeros((3, 60)), np.zeros((3, 60))
    parts[:, 0] = wholes[:, 0] = 1
    found = SeedResampling(60, 200).mean(parts, wholes)
    assert (found.value, found.low, found.high) == (1, 0, 1)


def test_holm_is_the_textbook_step_down() -> None:
    """Smallest times the number of tests, and so on, never falling, at most 1."""
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx([0.04, 0.09, 0.09, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
