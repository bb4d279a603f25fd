"""The pairs of a batch: sizes of label sets and of their intersections, and which candidate is the anchor itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.label_sets import LabelSets, as_label_sets


@dataclass(frozen=True)
class Pairs:
    """Anchors against candidates.

    Shape:
        shared (B, M) = |S & T|; size_s (B, 1) = |S|; size_t (1, M) = |T|, all of the loss's float type;
        others (B, M) bool, false where the candidate is the anchor itself; has_self (B,) bool.
    """

    anchors: LabelSets
    candidates: LabelSets
    shared: Tensor
    size_s: Tensor
    size_t: Tensor
    others: Tensor
    has_self: Tensor

    @property
    def overlapping(self) -> Tensor:
        """Other samples with a common label, (B, M) bool."""
        return (self.shared > 0) & self.others

    @property
    def jaccard(self) -> Tensor:
        """|S & T| / |S | T|, 0 for two empty sets, (B, M)."""
        return self.shared / (self.size_s + self.size_t - self.shared).clamp(min=1)


def make_pairs(anchors: LabelSets, candidates: LabelSets, self_index: Tensor | None, dtype: torch.dtype) -> Pairs:
    """Count the intersections of every anchor with every candidate."""
    device = anchors.columns.device
    others = torch.ones(len(anchors), len(candidates), dtype=torch.bool, device=device)
    has_self = torch.zeros(len(anchors), dtype=torch.bool, device=device)
    if self_index is not None:
        has_self = self_index >= 0
        rows = has_self.nonzero(as_tuple=True)[0]
        others[rows, self_index[rows]] = False
    shared = anchors.shared(candidates).to(dtype)  # whole numbers: exact in every type
    return Pairs(
        anchors,
        candidates,
        shared,
        anchors.sizes[:, None].to(dtype),
        candidates.sizes[None, :].to(dtype),
        others,
        has_self,
    )


@dataclass(frozen=True)
class Batch:
    """Checked arguments of a loss."""

    embeddings: Tensor
    candidates: Tensor
    pairs: Pairs


def checked_batch(
    embeddings: Tensor,
    labels: "Tensor | LabelSets",
    candidates: Tensor | None,
    candidate_labels: "Tensor | LabelSets | None",
    self_index: Tensor | None,
) -> Batch:
    """Embeddings in float32 (float64 stays) with their pairs; without candidates the batch is its own.

    Raises:
        ValueError: shapes that do not fit, negative labels, NaN; names the argument.
    """
    _check_embeddings(embeddings, "embeddings")
    dtype = torch.float64 if embeddings.dtype == torch.float64 else torch.float32
    anchors = as_label_sets(labels, "labels", len(embeddings))
    if (candidates is None) != (candidate_labels is None):
        raise ValueError("candidates and candidate_labels go together: one of them is None")
    z = embeddings.to(dtype)
    if candidates is None or candidate_labels is None:
        if self_index is not None:
            raise ValueError("self_index points into candidates, which is None")
        own = torch.arange(len(embeddings), device=embeddings.device)
        return Batch(z, z, make_pairs(anchors, anchors, own, dtype))
    _check_embeddings(candidates, "candidates")
    if candidates.shape[1] != embeddings.shape[1]:
        raise ValueError(f"candidates must have {embeddings.shape[1]} columns, got {candidates.shape[1]}")
    theirs = as_label_sets(candidate_labels, "candidate_labels", len(candidates))
    if theirs.num_labels != anchors.num_labels:
        raise ValueError(f"candidate_labels must have {anchors.num_labels} columns, got {theirs.num_labels}")
    _check_self(self_index, len(embeddings), len(candidates))
    return Batch(z, candidates.to(dtype), make_pairs(anchors, theirs, self_index, dtype))


def checked_temperature(temperature: float) -> float:
    """The temperature, a positive number.

    Raises:
        ValueError: anything else.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be a positive number, got {temperature}")
    return temperature


def _check_embeddings(embeddings: Tensor, name: str) -> None:
    if embeddings.ndim != 2:
        raise ValueError(f"{name} must be (B, D), got the shape {tuple(embeddings.shape)}")
    if not embeddings.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {embeddings.dtype}")
    finite = torch.isfinite(embeddings)
    if not finite.all():
        row, column = (~finite).nonzero()[0].tolist()
        raise ValueError(f"{name} must be finite, got {embeddings[row, column].item()} in row {row}, column {column}")


def _check_self(self_index: Tensor | None, rows: int, columns: int) -> None:
    if self_index is None:
        return
    if self_index.shape != (rows,):
        raise ValueError(f"self_index must have the shape ({rows},), got {tuple(self_index.shape)}")
    if self_index.dtype != torch.int64:
        raise ValueError(f"self_index must be int64, got {self_index.dtype}")
    if len(self_index) and (self_index.min() < -1 or self_index.max() >= columns):
        raise ValueError(
            f"self_index must lie between -1 and {columns - 1}, got {self_index.min()} to {self_index.max()}"
        )
