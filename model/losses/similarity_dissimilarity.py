"""The Similarity-Dissimilarity (SD) contrastive loss."""

import torch
from torch import Tensor

from model.losses.pairs import Batch, Pairs
from model.losses.weighted import Weighing, WeightedContrastiveLoss, mean_over_anchors

PLACEMENTS = ("outside", "inside", "pooled")
NORMALIZATIONS = ("positives", "weights")


class SimilarityDissimilarityLoss(WeightedContrastiveLoss):
    r"""Pulls notes together in proportion to how their label sets agree, and not by what they lack.

    With S the anchor's labels, T those of a sample p, z unit rows, s_ip = z_i . z_p / tau and P(i) all other
    samples with a common label:

        K_ip = |S & T| / |S| * 1 / (1 + |T - S|)
        log p_ip = s_ip - logsumexp_{a != i} s_ia
        outside:  L_i = -1/sum_p K_ip sum_p K_ip log p_ip         (``normalization="positives"``: 1/|P(i)|)
        inside:   L_i = -1/|P(i)| sum_p log(K_ip p_ip)            (gradient identical to ANY's)
        pooled:   L_i = -1/|P(i)| log sum_p K_ip p_ip

    The mean is over anchors that have a positive.

    Where K stands is left open by the paper's abstract and reviews, so it is a choice here; see ``placement``.

    Args:
        normalization: ``weights``, the default of ``outside`` here and on the command line, or ``positives``, the
            paper's and the only one of ``inside`` and ``pooled``. With simulated label sets (power law, 8,921 codes,
            15.9 a note; not measured on MIMIC) K is about 0.008 on average: divided by |P| the term is a hundred times
            weaker than ANY at the same lambda, divided by the sum of K it is of the same size.

    Shape:
        embeddings (B, D) unit rows and labels (B, L), multi-hot or LabelSets; on request candidates (M, D) with
        candidate_labels (M, L) and self_index (B,), as in :class:`model.losses.pair_loss.PairLoss`. Returns a scalar.

    Degenerate:
        An anchor without labels or without a positive adds 0 and a zero gradient; a batch with none gives 0. K is 0 for
        disjoint sets, an empty one among them, and 1 for equal ones only.

    References:
        G. Huang, Y. Long, C. Luo, arXiv 2410.13439 (K^s, K^d, tau = 0.07). P. Khosla et al. 2020, Eq. 2 (L_out),
        to which ``outside`` and ``inside`` reduce on single-label data.

    Relations:
        K = 1 gives ANY; 0 <= K <= Jaccard; K_min ANY_i <= ``outside`` <= ANY_i <= ``inside``, which is ANY plus a
        constant. With many labels a note K is small: ``positives`` is then far weaker than ANY at the same lambda, and
        ``weights``, the sibling of the Jaccard-normalised loss, is not. Parts of K alone:
        :class:`model.losses.ablations.AblatedSDLoss`.

    Example:
        >>> z = torch.nn.functional.normalize(torch.eye(3), dim=1)
        >>> y = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
        >>> round(SimilarityDissimilarityLoss(temperature=1.0)(z, y).item(), 4)
        0.6931
    """

    def __init__(self, temperature: float = 0.07, placement: str = "outside", normalization: str | None = None) -> None:
        super().__init__(temperature)
        normalization = normalization or ("weights" if placement == "outside" else "positives")
        if placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}, got '{placement}'")
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be one of {', '.join(NORMALIZATIONS)}, got '{normalization}'")
        if normalization == "weights" and placement != "outside":
            raise ValueError(f"normalization 'weights' goes with placement 'outside' only, got '{placement}'")
        self.placement = placement
        self.normalization = normalization

    def value(self, batch: Batch) -> Tensor:
        """Mean loss over the anchors that have a positive."""
        if self.placement != "pooled":
            return super().value(batch)
        scores = batch.embeddings @ batch.candidates.T / self.temperature
        return pooled(scores, self.pair_weights(batch.pairs), batch.pairs)

    def weigh(self, pairs: Pairs) -> Weighing:
        """w = K, or 1 for ``inside``, whose K is a constant beside the gradient."""
        weights = self.pair_weights(pairs)
        positive = weights > 0
        number = positive.sum(dim=1).to(weights.dtype)
        if self.placement == "inside":
            coefficients = mean_over_anchors(weights, number)
            log_k = weights.masked_fill(~positive, 1).log().sum(dim=1)
            return Weighing(positive.to(weights.dtype), coefficients, -(coefficients * log_k).sum())
        divisors = weights.sum(dim=1) if self.normalization == "weights" else number
        return Weighing(weights, mean_over_anchors(weights, divisors))

    def pair_weights(self, pairs: Pairs) -> Tensor:
        """K (B, M), 0 where a pair is no positive."""
        weights = pairs.shared / pairs.size_s.clamp(min=1)
        weights /= 1 + pairs.size_t - pairs.shared
        return weights.masked_fill_(~pairs.others, 0)


def pooled(scores: Tensor, weights: Tensor, pairs: Pairs) -> Tensor:
    """Mean over anchors of -1/|P| log sum_p K_ip p_ip, by autograd; all arguments (B, M)."""
    anchors = (weights > 0).any(dim=1).nonzero(as_tuple=True)[0]  # (A,)
    if len(anchors) == 0:
        return scores.sum() * 0.0
    scores = scores[anchors].masked_fill(~pairs.others[anchors], -torch.inf)
    chosen = weights[anchors]
    above = torch.logsumexp(scores + chosen.log(), dim=1)  # log 0 drops the negatives
    return ((torch.logsumexp(scores, dim=1) - above) / (chosen > 0).sum(dim=1)).mean()
