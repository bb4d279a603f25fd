"""The factor that gives a loss the gradient of ANY."""

import pytest
import torch

from model.losses import AllLoss, AnyLoss, JSCLLoss, SimilarityDissimilarityLoss
from training.optimise.matched_scale import matching_factor


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(12, 5, generator=generator), dim=1)
    labels = (torch.rand(6, 6, generator=generator) < 0.4).float()
    return z, torch.cat([labels, labels])  # each set twice, so that ALL has positives


@pytest.mark.parametrize(
    "loss", [SimilarityDissimilarityLoss(0.1, normalization="positives"), JSCLLoss(0.1), AllLoss(0.1)]
)
def test_the_scaled_gradient_has_the_norm_of_any(loss: torch.nn.Module) -> None:
    """By autograd, over all projections together."""
    z, labels = batch()
    factor = matching_factor(loss, 0.1, z, labels)
    assert factor is not None
    norms = []
    for scaled in (AnyLoss(0.1)(z.requires_grad_(True), labels), factor * loss(z, labels)):
        (gradient,) = torch.autograd.grad(scaled, z)
        norms.append(gradient.norm().item())
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_the_factor_of_any_is_one() -> None:
    """Whatever the batch."""
    assert matching_factor(AnyLoss(0.2), 0.2, *batch()) == pytest.approx(1)


def test_a_batch_without_a_positive_has_no_factor() -> None:
    """Disjoint label sets: the next batch decides."""
    z, _ = batch()
    assert (
        matching_factor(SimilarityDissimilarityLoss(0.1, normalization="positives"), 0.1, z[:3], torch.eye(3)) is None
    )


def test_the_projections_keep_their_graph() -> None:
    """Nothing is accumulated into the caller's tensors, and gradients are made even under no_grad."""
    z, labels = batch()
    z.requires_grad_(True)
    with torch.no_grad():
        assert matching_factor(SimilarityDissimilarityLoss(0.1, normalization="positives"), 0.1, z, labels) is not None
    assert z.grad is None
