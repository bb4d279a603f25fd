"""ALL and ANY: SupCon with one reading each of what a positive is on multi-label data."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class AllLoss(WeightedContrastiveLoss):
    r"""Pulls samples with exactly the same labels together.

        L_i = -1/|P_all(i)| sum_p log p_ip,   P_all(i): other samples with T = S

    The mean is over anchors that have a positive.

    Shape:
        As :class:`model.losses.pair_loss.PairLoss`.

    Degenerate:
        Two empty sets are no positive pair. Few samples have a positive where label sets are large.

    References:
        P. Zhang, M. Wu, "Multi-Label Supervised Contrastive Learning", AAAI 2024.

    Relations:
        The weight is that of SD where it is 1, and 0 elsewhere.

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
        As :class:`model.losses.pair_loss.PairLoss`.

    Degenerate:
        An anchor without a positive adds 0.

    References:
        P. Zhang, M. Wu, "Multi-Label Supervised Contrastive Learning", AAAI 2024.

    Relations:
        SD ``inside`` is this plus a constant; SD ``outside`` weighs its terms by K.

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
