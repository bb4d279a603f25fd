"""SupCon: supervised contrastive loss on single-label data."""

from model.losses.pairs import Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors


class SupConLoss(WeightedContrastiveLoss):
    r"""Pulls samples of one class together (L_out).

        L_i = -1/|P(i)| sum_{p in P(i)} log p_ip,   P(i): other samples with the anchor's label

    The mean is over anchors that have a positive.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        A row without a label, or alone in its class, adds 0 and a zero gradient; a batch with none else gives 0. A row
        with more than one label raises ValueError: choose ALL or ANY, which say what a positive is then.

    References:
        P. Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, Eq. 2.

    Relations:
        ALL, ANY, SD ``outside``, SD ``inside``, MultiSupCon and the Jaccard-normalised loss equal it on single-label
        data, MulSupCon where every class has two samples; SD ``pooled`` and JSCL do not.

    Example:
        >>> import torch
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(SupConLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 0]])).item(), 4)
        0.547
    """

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = 1 for the same label."""
        for name, sizes in (("labels", pairs.size_s), ("candidate_labels", pairs.size_t)):
            if sizes.numel() and sizes.max() > 1:
                raise ValueError(
                    f"{name} has a row with {int(sizes.max())} labels, SupCon takes one: choose 'all' or 'any'"
                )
        weights = pairs.overlapping.to(pairs.shared.dtype)
        return Weighing(weights, mean_over_anchors(weights, weights.sum(dim=1)))
