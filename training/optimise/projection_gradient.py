"""The gradient of the contrastive term with respect to the projections that it compares."""

import torch
from torch import Tensor

from model.label_sets import LabelSets
from training.optimise.contrastive import ContrastiveTerm


def projection_gradient(
    term: ContrastiveTerm, projections: Tensor, labels: LabelSets, factor: float
) -> tuple[Tensor, Tensor]:
    """The term's value and ``factor`` times its gradient.

    Back-propagating sum(projection * gradient) through the network gives the network the term's own gradient: the
    chain rule, cut where it can be cached (Gao et al. 2021, Sec. 3.2) or sent to another process.

    Shape:
        projections (V, B, D) unit rows without a graph; labels of B rows; a scalar and (V, B, D) back.

    Degenerate:
        Projections that are not finite give NaN in both, for the caller to tell.
    """
    if not torch.isfinite(projections).all():
        return projections.new_full((), torch.nan), torch.full_like(projections, torch.nan)
    views = len(projections)
    leaf = projections.flatten(0, 1).requires_grad_()  # (V * B, D), view after view
    with torch.enable_grad():
        value = term(leaf, LabelSets.joined([labels] * views))
        (gradient,) = torch.autograd.grad(factor * value, leaf)
    return value.detach(), gradient.view_as(projections)
