"""Ablations of the SD loss: one part of its weight removed or changed."""

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
    r"""SD ``outside`` with another weight, or with K shuffled among an anchor's positives.

        L_i = -1/|P(i)| sum_p w_ip log p_ip             (``normalization="weights"``: 1 / sum_p w_ip)

        similarity:     w = K^s = |S & T| / |S|
        dissimilarity:  w = K^d = 1 / (1 + |T - S|) on overlapping pairs
        symmetric:      w = (K(S, T) + K(T, S)) / 2
        exponential:    w = K^s exp(-|T - S|)
        root:           w = K^s / sqrt(1 + |T - S|)
        relative:       w = K^s |S & T| / |T|
        shuffled:       w = K, shuffled among the positives of each anchor

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Args:
        variant: a key of VARIANTS, or ``shuffled``: each row keeps its positives and the sum of its weights, and which
            positive gets which weight is drawn anew at every call, from ``seed``.

    Degenerate:
        As SD: an anchor without a positive adds 0 and a zero gradient; a batch with none gives 0.

    References:
        None: these are not in arXiv 2410.13439, whose K they take apart.

    Relations:
        All have SD's positives, which are those of ANY; on equal sets all weights but the shuffled are 1.

    Example:
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> y = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
        >>> [round(AblatedSDLoss(name, temperature=1.0)(z, y).item(), 4) for name in ("similarity", "dissimilarity")]
        [0.5261, 0.5637]
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
