"""The SD loss with one part of its weight taken away or changed: what the factors are worth."""

from collections.abc import Callable

import torch
from torch import Tensor

from model.losses.pairs import Pairs
from model.losses.similarity_dissimilarity import SimilarityDissimilarityLoss


def _similarity(pairs: Pairs) -> Tensor:
    """K^s alone."""
    return pairs.shared / pairs.size_s.clamp(min=1)


def _dissimilarity(pairs: Pairs) -> Tensor:
    """K^d alone, on overlapping pairs."""
    return (pairs.shared > 0) / (1 + pairs.size_t - pairs.shared)


def _symmetric(pairs: Pairs) -> Tensor:
    """Mean of K(S, T) and K(T, S)."""
    forward = _similarity(pairs) / (1 + pairs.size_t - pairs.shared)
    backward = pairs.shared / pairs.size_t.clamp(min=1) / (1 + pairs.size_s - pairs.shared)
    return (forward + backward) / 2


def _exponential(pairs: Pairs) -> Tensor:
    """K^s exp(-|T - S|): falls faster than 1 / (1 + n)."""
    return _similarity(pairs) * torch.exp(pairs.shared - pairs.size_t)


def _root(pairs: Pairs) -> Tensor:
    """K^s / sqrt(1 + |T - S|): falls slower."""
    return _similarity(pairs) * (1 + pairs.size_t - pairs.shared).rsqrt()


def _relative(pairs: Pairs) -> Tensor:
    """K^s |S & T| / |T|: the foreign labels as a share of T instead of a number."""
    return _similarity(pairs) * pairs.shared / pairs.size_t.clamp(min=1)


VARIANTS: dict[str, Callable[[Pairs], Tensor]] = {
    "similarity": _similarity,
    "dissimilarity": _dissimilarity,
    "symmetric": _symmetric,
    "exponential": _exponential,
    "root": _root,
    "relative": _relative,
}


class AblatedSDLoss(SimilarityDissimilarityLoss):
    """SD ``outside`` with another weight, or with K dealt out anew among an anchor's positives.

    Shape:
        As :class:`SimilarityDissimilarityLoss`.

    Args:
        variant: a key of VARIANTS, or ``shuffled``: each row keeps its positives and the sum of its weights, and which
            positive gets which weight is drawn anew at every call, from ``seed``.
    """

    def __init__(
        self, variant: str, temperature: float = 0.07, normalization: str = "positives", seed: int = 0
    ) -> None:
        super().__init__(temperature, "outside", normalization)
        if variant != "shuffled" and variant not in VARIANTS:
            raise ValueError(f"variant must be one of {', '.join([*VARIANTS, 'shuffled'])}, got '{variant}'")
        self.variant = variant
        self._generator = torch.Generator().manual_seed(seed)

    def pair_weights(self, pairs: Pairs) -> Tensor:
        """Weights (B, M), 0 where a pair is no positive."""
        if self.variant == "shuffled":
            return self._shuffle(super().pair_weights(pairs))
        return VARIANTS[self.variant](pairs).masked_fill(~pairs.others, 0)

    def _shuffle(self, weights: Tensor) -> Tensor:
        noise = torch.rand(weights.shape, generator=self._generator).to(weights.device)
        # Positives first, in random order on one side and in place order on the other: a permutation within each row.
        drawn = (noise + (weights == 0)).argsort(dim=1)
        placed = (weights == 0).to(torch.int8).argsort(dim=1, stable=True)
        return torch.zeros_like(weights).scatter_(1, placed, weights.gather(1, drawn))
