r"""The form that most pair losses share, with its gradient in closed form.

    L = -sum_i c_i sum_p w_ip log p_ip,   log p_ip = s_ip - logsumexp_{a in A(i)} s_ia,   s_ia = z_i . z_a / tau

    dL/ds_ia = c_i (p_ia sum_p w_ip - w_ia)

So forward and backward need one B x M matrix and no autograd graph over it. The plain autograd version is the twin in
the tests.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.losses.pair_loss import PairLoss
from model.losses.pairs import Batch, Pairs


@dataclass(frozen=True)
class Weighing:
    """Shape: weights w (B, M), 0 where a pair is no positive or is the anchor itself; coefficients c (B,)."""

    weights: Tensor
    coefficients: Tensor
    constant: Tensor | float = 0.0
    """Added to the loss: what depends on the labels alone."""


class WeightedContrastiveLoss(PairLoss):
    """Base of the losses that only choose w and c; subclasses give :meth:`weigh`."""

    def value(self, batch: Batch) -> Tensor:
        """L of the module docstring, plus the constant."""
        weighing = self.weigh(batch.pairs)
        return weighted_contrastive(batch.embeddings, batch.candidates, weighing, batch.pairs.others, self.temperature)

    @abstractmethod
    def weigh(self, pairs: Pairs) -> Weighing:
        """What the loss makes of the label sets."""


def mean_over_anchors(weights: Tensor, divisors: Tensor) -> Tensor:
    """c_i = 1 / (divisor_i * number of anchors with a positive), 0 for the others, (B,)."""
    active = (weights > 0).any(dim=1)
    coefficients = torch.where(active, 1 / divisors.clamp(min=torch.finfo(divisors.dtype).tiny), 0)
    return coefficients / active.sum().clamp(min=1)


def weighted_contrastive(
    embeddings: Tensor, candidates: Tensor, weighing: Weighing, others: Tensor, temperature: float
) -> Tensor:
    """L of the module docstring, plus the constant.

    Shape:
        embeddings (B, D), candidates (M, D), others (B, M) bool; a scalar back.
    """
    value: Tensor = _Weighted.apply(  # type: ignore[no-untyped-call]
        embeddings, candidates, weighing.weights, weighing.coefficients, others, temperature
    )
    total: Tensor = value + weighing.constant
    return total


class _Weighted(torch.autograd.Function):
    """The gradient with respect to the scores is made in the forward pass, in the memory of the scores."""

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        candidates: Tensor,
        weights: Tensor,
        coefficients: Tensor,
        others: Tensor,
        temperature: float,
    ) -> Tensor:
        scores = embeddings @ candidates.T  # (B, M)
        scores /= temperature
        scores.masked_fill_(~others, -torch.inf)
        normaliser = torch.logsumexp(scores, dim=1, keepdim=True)
        normaliser.masked_fill_(normaliser == -torch.inf, 0)  # an anchor without any other sample
        scores -= normaliser  # log p; the anchor itself stays at -inf, where its weight is 0
        per_anchor = torch.linalg.vecdot(weights, scores.masked_fill(~others, 0))
        value: Tensor = -(coefficients * per_anchor).sum()
        gradient = scores.exp_()
        gradient *= weights.sum(dim=1, keepdim=True)
        gradient -= weights
        gradient *= coefficients[:, None] / temperature
        ctx.save_for_backward(embeddings, candidates, gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        embeddings, candidates, gradient = ctx.saved_tensors
        for_anchors = upstream * (gradient @ candidates) if ctx.needs_input_grad[0] else None
        for_candidates = upstream * (gradient.T @ embeddings) if ctx.needs_input_grad[1] else None
        return for_anchors, for_candidates, None, None, None, None
