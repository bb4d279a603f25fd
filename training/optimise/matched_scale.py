"""The factor that gives a contrastive loss the gradient of ANY, so that one lambda means the same for both.

Losses of one family differ in scale before they differ in shape: on label sets that mostly overlap in part, SD with
``normalization="positives"`` is many times weaker than ANY. A comparison at equal lambda would compare the scales.
"""

import torch
from torch import Tensor, nn

from model.label_sets import LabelSets
from model.losses import AnyLoss


def matching_factor(
    loss: nn.Module, temperature: float, projections: Tensor, labels: Tensor | LabelSets
) -> float | None:
    """|| d ANY / d z || / || d loss / d z || at the projections z of a batch (Frobenius norms).

    Meant to be fixed at the first batch that has one: a factor that follows the training would change the loss.

    Args:
        temperature: tau, the same for ANY.

    Returns:
        The factor, or None where one of the two has no gradient, as in a batch without a positive.

    Shape:
        projections: (B, D) unit rows; labels: (B, L) multi-hot or LabelSets.
    """
    wanted = gradient_norm(AnyLoss(temperature), projections, labels)
    own = gradient_norm(loss, projections, labels)
    return wanted / own if wanted > 0 and own > 0 else None


def gradient_norm(loss: nn.Module, projections: Tensor, labels: Tensor | LabelSets) -> float:
    """Frobenius norm of the gradient of a loss with respect to the projections (B, D)."""
    z = projections.detach().requires_grad_(True)
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss(z, labels), z)
    return float(gradient.double().norm())
