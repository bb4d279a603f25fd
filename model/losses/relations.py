"""How the label set of a sample relates to that of an anchor, and the two factors made of it.

S is the anchor's label set, T the sample's. Relations are named by their set condition, never by number, since
the paper's numbering of the two containments could not be read (Huang, Long, Luo, "Similarity-Dissimilarity
Loss for Multi-label Supervised
Contrastive Learning", arXiv 2410.13439).
"""

from enum import IntEnum

import torch
from torch import Tensor

from model.label_sets import LabelSets, as_label_sets

Labels = Tensor | LabelSets


class Relation(IntEnum):
    """Set condition between the anchor's S and the sample's T."""

    DISJOINT = 0
    """No common label; an empty set is disjoint from everything, itself included."""
    EQUAL = 1
    """S = T, not empty."""
    PARTIAL = 2
    """Overlap, and neither contains the other."""
    SUBSET = 3
    """T is a proper subset of S."""
    SUPERSET = 4
    """S is a proper subset of T."""


def intersections(labels: Labels, candidate_labels: Labels) -> tuple[Tensor, Tensor, Tensor]:
    """Sizes |S & T| (B, M), |S| (B, 1) and |T| (1, M), in float32, exact up to 2**24 labels a row.

    Shape:
        labels: (B, L) multi-hot or LabelSets; candidate_labels: (M, L) multi-hot or LabelSets.
    """
    anchors = as_label_sets(labels, "labels", len(labels))
    candidates = as_label_sets(candidate_labels, "candidate_labels", len(candidate_labels))
    return anchors.shared(candidates), anchors.sizes[:, None].float(), candidates.sizes[None, :].float()


def relation(labels: Labels, candidate_labels: Labels) -> Tensor:
    """Relation of every anchor to every candidate.

    Shape:
        labels (B, L), candidate_labels (M, L); returns (B, M) int64 of :class:`Relation`.
    """
    shared, size_s, size_t = intersections(labels, candidate_labels)
    covers_t, covers_s = shared == size_t, shared == size_s
    result = torch.full_like(shared, Relation.PARTIAL, dtype=torch.int64)
    result[covers_t & ~covers_s] = Relation.SUBSET
    result[covers_s & ~covers_t] = Relation.SUPERSET
    result[covers_s & covers_t] = Relation.EQUAL
    result[shared == 0] = Relation.DISJOINT
    return result


def similarity_factor(labels: Labels, candidate_labels: Labels) -> Tensor:
    """K^s = |S & T| / |S|, and 0 for an empty S.

    Shape:
        labels (B, L), candidate_labels (M, L); returns (B, M) float32 in [0, 1].
    """
    shared, size_s, _ = intersections(labels, candidate_labels)
    return shared / size_s.clamp(min=1)


def dissimilarity_factor(labels: Labels, candidate_labels: Labels) -> Tensor:
    """K^d = 1 / (1 + |T - S|).

    Shape:
        labels (B, L), candidate_labels (M, L); returns (B, M) float32 in (0, 1].
    """
    shared, _, size_t = intersections(labels, candidate_labels)
    return 1 / (1 + size_t - shared)
