"""Votes of the nearest notes for a code, weighted by similarity.

Pure arithmetic on data, so that the service (neighbours of its database) and training (neighbours of the
training split) count the same way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from model.icd import Code

MAJORITY = 0.5
"""From this share of the weighted votes the neighbours are taken to say yes: a plain majority, untuned."""


@dataclass(frozen=True)
class RankingNeighbour:
    """A similar note: its cosine to the query, and the codes that human coders gave it."""

    similarity: float
    codes: Collection[Code]


@dataclass(frozen=True)
class Support:
    """Support of the neighbours for one suggested code."""

    count: int
    """Neighbours that carry the code."""
    share: float
    """Their part of the similarity of all neighbours, 0 to 1."""
    agrees: bool
    """Whether the neighbours' majority and the selection agree."""


def vote_weights(similarities: np.ndarray, sharpness: float = 1.0) -> np.ndarray:
    """Weight of each neighbour: w_i = max(s_i, 0)^p / sum_j max(s_j, 0)^p with p the sharpness.

    The similarity-weighted vote of Dudani 1976 ("The Distance-Weighted k-Nearest-Neighbor Rule") with the
    cosine to a power. Without a positive similarity all weights are 0.

    Shape:
        similarities: (k,); returns (k,) float64 that sum to 1, or to 0.
    """
    positive = np.clip(np.asarray(similarities, dtype=np.float64), 0.0, None)
    largest = positive.max(initial=0.0)
    if largest == 0.0:
        return np.zeros_like(positive)
    powers = (positive / largest) ** sharpness  # relative to the largest: no underflow of all of them
    weights: np.ndarray = powers / powers.sum()
    return weights


def label_votes(
    similarities: np.ndarray, rows: Sequence[np.ndarray], num_labels: int, sharpness: float = 1.0
) -> np.ndarray:
    """Weighted share of the neighbours that carry each label, 0 to 1.

    Args:
        rows: distinct label columns of each neighbour.

    Shape:
        similarities: (k,); returns (L,) float64.
    """
    if not len(rows):
        return np.zeros(num_labels)
    weights = np.repeat(vote_weights(similarities, sharpness), [len(columns) for columns in rows])
    columns = np.concatenate(rows).astype(np.int64)
    return np.bincount(columns, weights=weights, minlength=num_labels)


def support(neighbours: Sequence[RankingNeighbour], code: Code, selected: bool) -> Support | None:
    """Support of the neighbours for a code that was selected or not; None without neighbours."""
    if not neighbours:
        return None
    carriers = np.array([code in neighbour.codes for neighbour in neighbours])
    weights = vote_weights(np.array([neighbour.similarity for neighbour in neighbours]))
    share = min(1.0, float(weights[carriers].sum()))  # a sum of rounded parts may pass 1
    return Support(int(carriers.sum()), share, selected == (share >= MAJORITY))
