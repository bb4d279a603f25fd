"""The Jaccard-normalised loss: positives share an anchor's unit weight by how alike their labels are."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class JaccardLoss(WeightedContrastiveLoss):
    r"""Pulls samples together in proportion to the Jaccard similarity of their labels.

        L_i = - sum_p (J_ip / sum_q J_iq) log p_ip,   J = |S & T| / |S | T|

    The mean is over anchors that have a positive.

    Shape:
        As :class:`model.losses.pair_loss.PairLoss`.

    Degenerate:
        An anchor without a positive adds 0. Two empty sets have J = 0.

    References:
        A. Audibert et al. 2024, on the long-tailed multi-label contrastive loss with Jaccard weights.

    Relations:
        SD with ``normalization="weights"`` has K, which is at most J, in the place of J.

    Example:
        >>> import torch
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(JaccardLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 1]])).item(), 4)
        0.4983
    """

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = J, c = 1 / sum J."""
        weights = pairs.jaccard.masked_fill(~pairs.others, 0)
        return Weighing(weights, mean_over_anchors(weights, weights.sum(dim=1)))
