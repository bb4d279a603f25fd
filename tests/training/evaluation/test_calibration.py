"""The calibration error equals its definition, a cell at a time."""

import numpy as np
import pytest

from tests.training.evaluation.conftest import random_split
from training.evaluation.calibration import BINS, expected_calibration_error
from training.evaluation.gold import Gold


def looped(scores: np.ndarray, truth: np.ndarray, bins: int) -> float:
    """Every cell into its bin by counting the cells below it."""
    cells = [(float(np.float32(s)), int(t)) for s, t in zip(scores.ravel(), truth.ravel(), strict=True)]
    distance = [0.0] * bins
    for score, assigned in cells:
        below = sum(other < score for other, _ in cells)
        distance[bins * below // len(cells)] += score - assigned
    return sum(map(abs, distance)) / len(cells)


@pytest.mark.parametrize("bins", [1, 2, 7, BINS])
@pytest.mark.parametrize("levels", [3, 20, 100_000])
def test_equals_the_definition(bins: int, levels: int) -> None:
    """With many ties and with none, in both populations, in float32 and float64."""
    split = random_split(5, documents=20, labels=17, levels=levels)
    present = split.gold.present
    for scores in (split.scores, split.scores.astype(np.float64)):
        found = expected_calibration_error(scores, split.gold, bins=bins)
        assert found == pytest.approx(looped(scores, split.truth, bins), abs=1e-12)
        found = expected_calibration_error(scores, split.gold, present, bins)
        assert found == pytest.approx(looped(scores[:, present], split.truth[:, present], bins), abs=1e-12)


def test_skewed_probabilities() -> None:
    """Nearly all cells near 0, as coders answer; zeros of both signs and ones among them."""
    generator = np.random.default_rng(1)
    scores = (generator.random((15, 30)) ** 9).astype(np.float32)
    scores[0, :3], scores[1, :3], scores[2, :3] = 0.0, -0.0, 1.0
    truth = (generator.random(scores.shape) < scores).astype(np.int64)
    gold = Gold.from_rows([np.flatnonzero(line) for line in truth], 30)
    assert expected_calibration_error(scores, gold) == pytest.approx(looped(scores, truth, BINS), abs=1e-12)


def test_blocks_change_nothing(split, monkeypatch) -> None:
    """The size of a block is no part of the result."""
    whole = expected_calibration_error(split.scores, split.gold)
    monkeypatch.setattr("training.evaluation.score_matrix.BLOCK_CELLS", 100)
    assert expected_calibration_error(split.scores, split.gold) == pytest.approx(whole, abs=1e-12)


def test_known_values() -> None:
    """Perfect probabilities have no error, half for every cell is off by the distance to the share."""
    gold = Gold.from_rows([np.array([0, 1, 2]), np.array([3])], 4)
    perfect = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
    assert expected_calibration_error(perfect, gold) == 0.0
    assert expected_calibration_error(np.full((2, 4), 0.75), gold) == 0.25
    assert expected_calibration_error(np.zeros((2, 4)), gold) == 0.5


@pytest.mark.parametrize("scores", [np.array([[1.5, 0.0]]), np.array([[-0.1, 0.0]]), np.array([[np.inf, 0.0]])])
def test_scores_that_are_no_probabilities_have_none(scores: np.ndarray) -> None:
    """Logits are not calibrated."""
    assert expected_calibration_error(scores, Gold.from_rows([np.array([0])], 2)) is None


def test_no_cells_have_none() -> None:
    """Over no documents, or over no codes."""
    assert expected_calibration_error(np.zeros((0, 3)), Gold.from_rows([], 3)) is None
    nothing = Gold.from_rows([np.zeros(0, dtype=np.int64)], 3)
    assert expected_calibration_error(np.zeros((1, 3)), nothing, nothing.present) is None
