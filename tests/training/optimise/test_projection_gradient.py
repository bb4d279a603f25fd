"""The gradient at the projections, and what becomes of projections that are no numbers."""

import pytest
import torch

from model.label_sets import LabelSets
from training.optimise.contrastive import contrastive_term
from training.optimise.projection_gradient import projection_gradient
from training.options import TrainingOptions

LABELS = LabelSets.from_rows([[0, 1], [0], [1, 2], [2]], 3)


@pytest.mark.parametrize("loss", ["sd", "jaccard"])
def test_it_is_the_gradient_of_the_term_over_all_views(loss: str) -> None:
    """View after view, labels repeated, times the factor; the value is without it."""
    term = contrastive_term(TrainingOptions("tiny", loss=loss, temperature=0.5))
    assert term is not None
    torch.manual_seed(0)
    projections = torch.nn.functional.normalize(torch.randn(2, 4, 5, dtype=torch.float64), dim=2)
    value, gradient = projection_gradient(term, projections, LABELS, 0.25)
    leaf = projections.clone().requires_grad_()
    direct = term(torch.cat([leaf[0], leaf[1]]), LabelSets.joined([LABELS, LABELS]))
    torch.autograd.backward(0.25 * direct)
    assert leaf.grad is not None
    torch.testing.assert_close(gradient, leaf.grad)
    torch.testing.assert_close(value, direct.detach())
    assert not value.requires_grad


def test_projections_that_are_no_numbers_give_none() -> None:
    """The loss itself would raise; the loop has to name the batch instead."""
    term = contrastive_term(TrainingOptions("tiny"))
    assert term is not None
    value, gradient = projection_gradient(term, torch.full((1, 4, 5), torch.nan), LABELS, 1.0)
    assert value.isnan()
    assert gradient.isnan().all()
    assert gradient.shape == (1, 4, 5)
