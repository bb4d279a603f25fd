"""MulSupCon: one SupCon term for each label of the anchor."""

import torch
from torch import Tensor

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss

WEIGHTINGS = ("labels", "anchors")


class MulSupConLoss(WeightedContrastiveLoss):
    r"""Pulls samples together once for every label that they share, rare labels more.

        L = -sum_i c_i sum_p w_ip log p_ip,   w_ip = sum_{l in S & T} 1/n_l,   n_l: other samples with label l

    ``weighting="labels"``: c_i = 1 / sum_i |S_i|, every label of the batch counts alike; ``"anchors"``:
    c_i = 1 / (B |S_i|), every anchor does.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        A label that no other sample has adds nothing, but counts in |S_i|, as in the definition. An anchor without
        labels adds 0 and a zero gradient; a batch without any common label gives 0.

    References:
        P. Zhang, M. Wu, "Multi-Label Supervised Contrastive Learning", AAAI 2024 (MulSupCon).

    Relations:
        SupCon on single-label data when every label has another sample. Positives are those of ANY and SD; unlike SD's
        K the weight grows with rare labels, and labels of T that S lacks do not lower it.

    Example:
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(MulSupConLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 1]])).item(), 4)
        0.547
    """

    def __init__(self, temperature: float = 0.07, weighting: str = "labels") -> None:
        super().__init__(temperature)
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got '{weighting}'")
        self.weighting = weighting

    def weigh(self, pairs: Pairs) -> Weighing:
        """w sums over common labels the inverse number of other samples that have them."""
        weights = _inverse_counts(pairs).masked_fill_(~pairs.others, 0)
        sizes = pairs.size_s[:, 0]
        if self.weighting == "labels":
            coefficients = torch.ones_like(sizes) / sizes.sum().clamp(min=1)
        else:
            coefficients = 1 / (len(sizes) * sizes.clamp(min=1))
        return Weighing(weights, coefficients)


def _inverse_counts(pairs: Pairs) -> Tensor:
    """sum_{l in S & T} 1/n_l, (B, M); an anchor that is a candidate itself does not count in its own n_l."""
    counts = pairs.candidates.counts.to(pairs.shared.dtype)
    result = torch.zeros_like(pairs.shared)
    for present in (True, False):
        rows = (pairs.has_self == present).nonzero(as_tuple=True)[0]
        if len(rows):
            inverse = 1 / (counts - int(present)).clamp(min=1)
            whole = pairs.anchors.shared(pairs.candidates, inverse)
            if len(rows) == len(result):
                return whole
            result[rows] = whole[rows]
    return result
