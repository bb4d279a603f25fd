"""The calibration error equals its definition, a cell at a time."""

import math

import numpy as np
import pytest

from tests.training.evaluation.conftest import random_split
from training.evaluation.calibration import BINS, expected_calibration_error, masses
from training.evaluation.gold import Gold
from training.evaluation.populations import calibration_errors


def leading_bits(value: float) -> float:
    """The value cut to 8 significant binary digits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.floor(mantissa * 256), exponent)


def looped(scores: np.ndarray, truth: np.ndarray, bins: int = BINS) -> float:
    """Every cell into its bin by counting the cells below it."""
    cells = [(float(np.float32(s)), int(t)) for s, t in zip(scores.ravel(), truth.ravel(), strict=True)]
    order = [leading_bits(score) for score, _ in cells]
    distance = [0.0] * bins
    for (score, assigned), own in zip(cells, order, strict=True):
        below = sum(other < own for other in order)
        distance[bins * below // len(cells)] += score - assigned
    return sum(map(abs, distance)) / len(cells)


@pytest.mark.parametrize("bins", [1, 2, 7, BINS])
@pytest.mark.parametrize("levels", [3, 20, 100_000])
def test_equals_the_definition(bins: int, levels: int) -> None:
    """With many ties and with none, in both precisions."""
    split = random_split(5, documents=20, labels=17, levels=levels)
    for scores in (split.scores, split.scores.astype(np.float64)):
        positives = scores[split.gold.rows, split.gold.columns]
        found = expected_calibration_error(masses(scores, np.arange(17)), positives, bins)
        assert found == pytest.approx(looped(scores, split.truth, bins), abs=1e-12)


def test_both_populations(split) -> None:
    """All codes, and the codes present only."""
    present = split.gold.present
    found = calibration_errors(split.scores, split.gold)
    assert found["all"] == pytest.approx(looped(split.scores, split.truth), abs=1e-12)
    assert found["present"] == pytest.approx(looped(split.scores[:, present], split.truth[:, present]), abs=1e-12)


def test_skewed_probabilities() -> None:
    """Nearly all cells near 0, as coders answer; zeros of both signs and ones among them."""
    generator = np.random.default_rng(1)
    scores = (generator.random((15, 30)) ** 9).astype(np.float32)
    scores[0, :3], scores[1, :3], scores[2, :3] = 0.0, -0.0, 1.0
    truth = (generator.random(scores.shape) < scores).astype(np.int64)
    gold = Gold.from_rows([np.flatnonzero(line) for line in truth], 30)
    assert calibration_errors(scores, gold)["all"] == pytest.approx(looped(scores, truth), abs=1e-12)


def test_blocks_change_nothing(split, monkeypatch) -> None:
    """The size of a block is no part of the result."""
    whole = calibration_errors(split.scores, split.gold)
    monkeypatch.setattr("training.evaluation.score_matrix.BLOCK_CELLS", 100)
    assert calibration_errors(split.scores, split.gold) == pytest.approx(whole, abs=1e-12)


def test_known_values() -> None:
    """Perfect probabilities have no error, three quarters for every cell is off by the distance to the share."""
    gold = Gold.from_rows([np.array([0, 1, 2]), np.array([3])], 4)
    perfect = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
    assert calibration_errors(perfect, gold) == {"all": 0.0, "present": 0.0}
    assert calibration_errors(np.full((2, 4), 0.75), gold)["all"] == 0.25
    assert calibration_errors(np.zeros((2, 4)), gold)["all"] == 0.5


@pytest.mark.parametrize("scores", [np.array([[1.5, 0.0]]), np.array([[-0.1, 0.0]]), np.array([[np.inf, 0.0]])])
def test_scores_that_are_no_probabilities_have_none(scores: np.ndarray) -> None:
    """Logits are not calibrated."""
    assert calibration_errors(scores, Gold.from_rows([np.array([0])], 2)) == {"all": None, "present": None}


def test_no_cells_have_none() -> None:
    """Over no documents, or over no codes present."""
    assert calibration_errors(np.zeros((0, 3)), Gold.from_rows([], 3)) == {"all": None, "present": None}
    nothing = Gold.from_rows([np.zeros(0, dtype=np.int64)], 3)
    assert calibration_errors(np.zeros((1, 3)), nothing) == {"all": 0.0, "present": None}
