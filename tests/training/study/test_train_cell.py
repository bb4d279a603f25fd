"""One cell: the same numbers again, what a seed and a scale change, and learning at all."""

import numpy as np
import pytest
import torch

from tests.training.study.study_data import study_data
from training.optimise.failures import TrainingDiverged
from training.study.cell import Cell, Setting
from training.study.recipe import Recipe
from training.study.train_cell import train_cell

RECIPE = Recipe(steps=30, batch_size=16, hidden=16, projection=8, validations=3, learning_rate=0.03)
SD = Setting("sd", 0.07, 1.0, "plain")


def test_a_cell_is_repeated_exactly_and_leaves_the_generator_alone() -> None:
    """Scores and embeddings to the bit; another seed differs."""
    state = torch.random.get_rng_state()
    one, two, other = (train_cell(Cell(SD, seed), study_data(), RECIPE) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.judged_scores, two.judged_scores)
    np.testing.assert_array_equal(one.train_embeddings, two.train_embeddings)
    assert not np.array_equal(one.judged_scores, other.judged_scores)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("loss", ["bce", "any", "sd", "sd-pooled", "sd-shuffled", "jscl"])
def test_a_cell_learns(loss: str) -> None:
    """MAP above that of random scores, about 0.5 here."""
    setting = Setting(loss, 0.07, 0.5, "plain") if loss != "bce" else Setting("bce", 0.0, 0.0, "plain")
    trained = train_cell(Cell(setting, 1), study_data(), RECIPE)
    assert trained.tuning_map > 0.7
    assert trained.best_step in (10, 20, 30)
    np.testing.assert_allclose(np.linalg.norm(trained.judged_embeddings, axis=1), 1, rtol=1e-5)


def test_images_go_through_convolutions() -> None:
    """Six pixels as 2 x 3."""
    trained = train_cell(Cell(SD, 1), study_data(image_shape=(2, 3)), RECIPE)
    assert trained.judged_scores.shape == (30, 4)


def test_the_matched_scale_is_fixed_in_the_line_and_changes_the_run() -> None:
    """SD over its positives is weaker than ANY, so its factor is above 1; ANY's own is 1."""
    factors = {
        loss: train_cell(Cell(Setting(loss, 0.07, 1.0, "matched"), 1), study_data(), RECIPE).factor
        for loss in ("any", "sd-positives")
    }
    assert factors["any"] == pytest.approx(1)
    assert factors["sd-positives"] is not None
    assert factors["sd-positives"] > 1


def test_a_loss_that_is_not_finite_stops_the_cell() -> None:
    """The cell and the step are named."""
    with pytest.raises(TrainingDiverged, match="seed 1|seed_1"):
        train_cell(Cell(Setting("sd", 0.07, 1e39, "plain"), 1), study_data(), RECIPE)
