"""MultiSupCon: positives are samples whose label sets are alike enough."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class MultiSupConLoss(WeightedContrastiveLoss):
    r"""Pulls samples together by the Jaccard similarity of their labels, from a threshold on.

        L_i = -1/|P(i)| sum_p J_ip log p_ip,   P(i): other samples with J_ip >= c, J = |S & T| / |S | T|

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        An anchor without a sample at or above the threshold adds 0 and a zero gradient; a batch with none gives 0. Two
        empty sets have J = 0.

    References:
        "Contrastive Learning for Multi-Label Classification", SSL workshop at NeurIPS 2022 (c = 0.3).

    Relations:
        c -> 0 gives a Jaccard-weighted ANY, of which SD ``outside`` is the sibling with K <= J; c = 1 gives ALL. The
        Jaccard-normalised loss divides by the sum of J instead of the number.

    Example:
        >>> import torch
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(MultiSupConLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 1]])).item(), 4)
        0.2491
    """

    def __init__(self, temperature: float = 0.07, threshold: float = 0.3) -> None:
        super().__init__(temperature)
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and be at most 1, got {threshold}")
        self.threshold = threshold

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = J [J >= c]."""
        similarity = pairs.jaccard
        weights = similarity.masked_fill(~pairs.others | (similarity < self.threshold), 0)
        number = (weights > 0).sum(dim=1).to(weights.dtype)
        return Weighing(weights, mean_over_anchors(weights, number))
