"""The Similarity-Dissimilarity (SD) contrastive loss."""

import math

import torch
from torch import Tensor, nn

from model.losses.relations import intersections

PLACEMENTS = ("outside", "inside", "pooled")
NORMALIZATIONS = ("positives", "weights")


class SimilarityDissimilarityLoss(nn.Module):
    r"""Pulls notes together in proportion to how their label sets agree, and not by what they lack.

    With S the anchor's labels, T those of a sample p, z unit rows, s_ip = z_i . z_p / tau and P(i) all other
    samples with a common label:

        K_ip = |S & T| / |S| * 1 / (1 + |T - S|)
        log p_ip = s_ip - logsumexp_{a != i} s_ia
        outside:  L_i = -1/|P(i)| sum_p K_ip log p_ip             (``normalization="weights"``: 1 / sum_p K_ip)
        inside:   L_i = -1/|P(i)| sum_p log(K_ip p_ip)            (gradient identical to ANY's)
        pooled:   L_i = -1/|P(i)| log sum_p K_ip p_ip

    The mean is over anchors that have a positive.

    Where K stands is left open by the paper's abstract and reviews, so it is a choice here; see ``placement``.

    Shape:
        embeddings: (B, D) unit rows; labels: (B, L) multi-hot; candidates: (M, D); candidate_labels: (M, L);
        self_index: (B,) int64, column of the anchor among the candidates, -1 if absent. Returns a scalar.

    Degenerate:
        An anchor without labels or without a positive adds 0 and a zero gradient; a batch with none gives 0.

    Precision:
        Similarities and log-sum-exp are computed in float32 (float64 for float64 input), whatever comes in.

    References:
        G. Huang, Y. Long, C. Luo, arXiv 2410.13439 (K^s, K^d, tau = 0.07). P. Khosla et al. 2020, Eq. 2 (L_out),
        to which ``outside`` and ``inside`` reduce on single-label data.

    Example:
        >>> z = torch.nn.functional.normalize(torch.eye(3), dim=1)
        >>> y = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 1]])
        >>> round(SimilarityDissimilarityLoss(temperature=1.0)(z, y).item(), 4)
        0.3466
    """

    def __init__(self, temperature: float = 0.07, placement: str = "outside", normalization: str = "positives") -> None:
        super().__init__()
        if not (math.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be a positive number, got {temperature}")
        if placement not in PLACEMENTS:
            raise ValueError(f"placement must be one of {', '.join(PLACEMENTS)}, got '{placement}'")
        if normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization must be one of {', '.join(NORMALIZATIONS)}, got '{normalization}'")
        if normalization == "weights" and placement != "outside":
            raise ValueError(f"normalization 'weights' goes with placement 'outside' only, got '{placement}'")
        self.temperature = temperature
        self.placement = placement
        self.normalization = normalization

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        candidates: Tensor | None = None,
        candidate_labels: Tensor | None = None,
        self_index: Tensor | None = None,
    ) -> Tensor:
        """Mean loss over the anchors that have a positive."""
        if (candidates is None) != (candidate_labels is None):
            raise ValueError("candidates and candidate_labels go together: one of them is None")
        if candidates is None or candidate_labels is None:
            if self_index is not None:
                raise ValueError("self_index points into candidates, which is None")
            candidates, candidate_labels = embeddings, labels
            self_index = torch.arange(len(embeddings), device=embeddings.device)
        _check(embeddings, labels, "embeddings", "labels")
        _check(candidates, candidate_labels, "candidates", "candidate_labels")
        _check_widths(embeddings, candidates, "candidates")
        _check_widths(labels, candidate_labels, "candidate_labels")
        others = _others(len(embeddings), len(candidates), self_index, embeddings.device)  # (B, M)
        dtype = torch.float64 if embeddings.dtype == torch.float64 else torch.float32
        weights, positives = _weights(labels, candidate_labels, others, dtype)
        anchors = positives.any(dim=1).nonzero(as_tuple=True)[0]  # (A,)
        if len(anchors) == 0:
            return (embeddings.to(dtype) * 0.0).sum()  # a zero that can be back-propagated
        with torch.autocast(embeddings.device.type, enabled=False):
            scores = embeddings[anchors].to(dtype) @ candidates.to(dtype).T / self.temperature  # (A, M)
            scores = scores.masked_fill(~others[anchors], -torch.inf)
            return self._per_anchor(scores, weights[anchors], positives[anchors]).mean()

    def _per_anchor(self, scores: Tensor, weights: Tensor, positives: Tensor) -> Tensor:
        """Loss of each anchor (A,), every one of which has a positive; all arguments (A, M)."""
        number = positives.sum(dim=1)
        normaliser = torch.logsumexp(scores, dim=1, keepdim=True)
        if self.placement == "pooled":
            pooled = torch.logsumexp(scores + weights.log(), dim=1, keepdim=True)  # log 0 drops the negatives
            return (normaliser - pooled)[:, 0] / number
        log_p = (scores - normaliser).masked_fill(~positives, 0.0)
        if self.placement == "inside":
            log_k = weights.masked_fill(~positives, 1.0).log()
            return -(log_k + log_p).sum(dim=1) / number
        total = weights.sum(dim=1) if self.normalization == "weights" else number
        return -(weights * log_p).sum(dim=1) / total


def _weights(labels: Tensor, candidate_labels: Tensor, others: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """K and the mask of positives, (B, M) each, both zero where ``others`` is."""
    sizes = intersections(labels, candidate_labels)
    shared, size_s, size_t = (size.to(dtype) for size in sizes)  # whole numbers: exact in both
    positives = (shared > 0) & others
    weights = shared / size_s.clamp(min=1) / (1 + size_t - shared)
    return weights.masked_fill(~positives, 0.0), positives


def _others(rows: int, columns: int, self_index: Tensor | None, device: torch.device) -> Tensor:
    """Mask (B, M), false where the candidate is the anchor itself."""
    others = torch.ones(rows, columns, dtype=torch.bool, device=device)
    if self_index is None:
        return others
    if self_index.shape != (rows,):
        raise ValueError(f"self_index must have the shape ({rows},), got {tuple(self_index.shape)}")
    if ((self_index < -1) | (self_index >= columns)).any():
        raise ValueError(f"self_index must lie between -1 and {columns - 1}, the last of the candidates")
    present = (self_index >= 0).nonzero(as_tuple=True)[0]
    others[present, self_index[present]] = False
    return others


def _check(embeddings: Tensor, labels: Tensor, embeddings_name: str, labels_name: str) -> None:
    if embeddings.ndim != 2:
        raise ValueError(f"{embeddings_name} must be (B, D), got the shape {tuple(embeddings.shape)}")
    if labels.ndim != 2 or len(labels) != len(embeddings):
        raise ValueError(
            f"{labels_name} must be multi-hot with one row for each of {embeddings_name} ({len(embeddings)}), "
            f"got the shape {tuple(labels.shape)}"
        )
    if (labels < 0).any():
        raise ValueError(f"{labels_name} must be 0 or 1, got {labels.min().item()}")
    if not torch.isfinite(embeddings).all():
        raise ValueError(f"{embeddings_name} hold a NaN or an infinity")


def _check_widths(anchors: Tensor, candidates: Tensor, name: str) -> None:
    if anchors.shape[1] != candidates.shape[1]:
        raise ValueError(f"{name} must have {anchors.shape[1]} columns like the anchors', got {candidates.shape[1]}")
