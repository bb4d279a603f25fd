"""JSCL: Jaccard similarity inside the contrast, as published."""

import torch
from torch import Tensor

from model.losses.pair_loss import PairLoss
from model.losses.pairs import Batch


class JSCLLoss(PairLoss):
    r"""Contrasts all other samples with those that are alike in labels, as published.

        L_i = - mean_a s_ia + log sum_a J_ia exp(s_ia),   a over all other samples

    The mean is over anchors that have a positive. As written the first term also pulls disjoint samples, and
    the second pushes the alike ones: the published form is kept as a baseline, faults included.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        An anchor without a positive, whose logarithm would be of 0, adds 0 and a zero gradient; a batch with none
        gives 0. The loss can be negative.

    References:
        N. Lin, G. Qin, G. Wang, D. Zhou, A. Yang, "An Effective Deployment of Contrastive Learning in Multi-label Text
        Classification", Findings of ACL 2023 (JSCL).

    Relations:
        No member of the weighted form: J stands where the others have their normaliser. The Jaccard-normalised loss
        and MultiSupCon use the same J as a weight on the positives instead.

    Example:
        >>> z = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0, 1], [1, 1]]), dim=1)
        >>> round(JSCLLoss(temperature=1.0)(z, torch.tensor([[1, 0], [0, 1], [1, 1]])).item(), 4)
        -0.2264
    """

    def value(self, batch: Batch) -> Tensor:
        """Mean loss over the anchors that have a positive."""
        scores = batch.embeddings @ batch.candidates.T / self.temperature  # (B, M)
        anchors = batch.pairs.overlapping.any(dim=1).nonzero(as_tuple=True)[0]
        if len(anchors) == 0:
            return scores.sum() * 0.0
        others, scores = batch.pairs.others[anchors], scores[anchors]
        mean = scores.masked_fill(~others, 0).sum(dim=1) / others.sum(dim=1)
        log_j = batch.pairs.jaccard[anchors].masked_fill(~others, 0).log()  # -inf where disjoint
        return (torch.logsumexp(scores + log_j, dim=1) - mean).mean()
