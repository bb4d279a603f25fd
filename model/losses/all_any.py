"""ALL and ANY: SupCon with one reading each of what a positive is on multi-label data."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class AllLoss(WeightedContrastiveLoss):
    r"""Pulls samples with exactly the same labels together.

        L_i = -1/|P_all(i)| sum_p log p_ip,   P_all(i): other samples with T = S

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        Two empty sets are no positive pair. An anchor without a positive adds 0 and a zero gradient; a batch with none
        gives 0. Where label sets are large few samples have a positive, and the loss hardly acts.

    References:
        P. Zhang, M. Wu, "Multi-Label Supervised Contrastive Learning", AAAI 2024 (ALL).

    Relations:
        SupCon with the whole label set as the class. The strictest sibling: its positives are those where SD's K and
        Jaccard are 1; MultiSupCon with threshold 1 is the same loss. ANY is the laxest.

    Example:
        >>> import torch
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(AllLoss(temperature=1.0)(z, torch.tensor([[1, 1], [0, 1], [1, 1]])).item(), 4)
        0.547
    """

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = [S = T]."""
        equal = (pairs.shared == pairs.size_s) & (pairs.shared == pairs.size_t) & pairs.overlapping
        weights = equal.to(pairs.shared.dtype)
        return Weighing(weights, mean_over_anchors(weights, weights.sum(dim=1)))


class AnyLoss(WeightedContrastiveLoss):
    r"""Pulls samples with a common label together, all alike.

        L_i = -1/|P(i)| sum_p log p_ip,   P(i): other samples with a common label

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        An anchor without a positive, or without labels, adds 0 and a zero gradient; a batch with none gives 0. Where
        nearly all samples share some label, nearly all are pulled together.

    References:
        P. Zhang, M. Wu, "Multi-Label Supervised Contrastive Learning", AAAI 2024 (ANY).

    Relations:
        SD ``inside`` is this plus a constant, with the same gradient; SD ``outside`` weighs its terms by K <= 1 and so
        is at most this; MulSupCon weighs them by the number and rarity of the common labels. The scale of
        ``train --match-scale``.

    Example:
        >>> import torch
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(AnyLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 1]])).item(), 4)
        0.4983
    """

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = [S and T overlap]."""
        weights = pairs.overlapping.to(pairs.shared.dtype)
        return Weighing(weights, mean_over_anchors(weights, weights.sum(dim=1)))
