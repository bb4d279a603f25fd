"""The Jaccard-normalised loss: positives share an anchor's unit weight by how alike their labels are."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class JaccardLoss(WeightedContrastiveLoss):
    r"""Pulls samples together in proportion to the Jaccard similarity of their labels.

        L_i = - sum_p (J_ip / sum_q J_iq) log p_ip,   J = |S & T| / |S | T|

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        An anchor without a positive, or without labels, adds 0 and a zero gradient; a batch with none gives 0. Two
        empty sets have J = 0.

    References:
        A. Audibert, A. Gauffre, M.-R. Amini, "Exploring Contrastive Learning for Long-Tailed Multi-Label Text
        Classification", 2024 (the weights; their prototypes and memory are not part of it).

    Relations:
        SD with ``normalization="weights"`` has K, which is at most J, in the place of J. MultiSupCon drops the pairs
        below a threshold and divides by their number, so that its scale depends on J; this one's does not.

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
