"""The channels that do not read the text: the classifier and the votes of the neighbours."""

from collections.abc import Callable, Sequence

import numpy as np

from model.candidates import Channel, ChannelFeatures, scored_channel
from model.icd import Code
from model.ranking.calibration import logit
from model.ranking.neighbour_vote import RankingNeighbour, vote_weights

CLASSIFIER, NEIGHBOURS = "classifier", "neighbours"
PROPOSED = 150
"""Codes that the classifier proposes, best first; untuned."""
NEAREST = (5, 15, 50)
"""Numbers of neighbours whose votes are features; untuned."""
SHARPNESS = 10.0
"""Power of the similarity in a vote: cosines of mean token states lie close together; untuned."""

ColumnOf = Callable[[Code], int | None]
"""Column of a code in the code set, None where it is not there."""


def classifier_channel(probabilities: np.ndarray, known: np.ndarray, proposed: int = PROPOSED) -> Channel:
    """Logit, logarithm of the rank, and distance to the best logit of every code that it was trained on.

    Other codes of the label space get no features: they are in it only because of notes beyond the training notes,
    and a combiner would learn to exploit that.

    Args:
        known: which codes a training note has, bool (L,).

    Shape:
        probabilities (L,), the classifier's; equal ones rank by column.
    """
    columns = np.flatnonzero(known[: len(probabilities)])
    order = np.argsort(-probabilities[columns], kind="stable")
    return scored_channel(CLASSIFIER, "logit", columns, logit(probabilities[columns]), order, proposed)


def neighbour_channel(neighbours: Sequence[RankingNeighbour], column_of: ColumnOf) -> Channel:
    """Votes of the nearest few, of more and of many; how many carry the code; the similarity and rank of the first.

    Args:
        neighbours: nearest first.
    """
    nearest_notes = list(neighbours)[: max(NEAREST)]
    similarities = np.array([neighbour.similarity for neighbour in nearest_notes], dtype=np.float64)
    carried = [
        (rank, column) for rank, neighbour in enumerate(nearest_notes) for column in _columns(neighbour, column_of)
    ]
    ranks = np.array([rank for rank, _ in carried], dtype=np.int64)
    columns, places = np.unique(np.array([column for _, column in carried], dtype=np.int64), return_inverse=True)
    size = len(columns)
    features: list[np.ndarray] = []
    for nearest in NEAREST:
        weights = np.zeros(len(nearest_notes))
        weights[:nearest] = vote_weights(similarities[:nearest], SHARPNESS)
        features.append(np.bincount(places, weights=weights[ranks], minlength=size))
    features.append(np.bincount(places, minlength=size).astype(np.float64))
    first = np.full(size, len(nearest_notes), dtype=np.int64)
    np.minimum.at(first, places, ranks)
    features += [similarities[first], np.log2(1 + first)]
    names = (*(f"vote_{nearest}" for nearest in NEAREST), "count", "nearest_similarity", "nearest_log_rank")
    values = np.column_stack(features).astype(np.float32)
    return Channel(NEIGHBOURS, ChannelFeatures(columns, values, tuple(f"{NEIGHBOURS}.{name}" for name in names)))


def _columns(neighbour: RankingNeighbour, column_of: ColumnOf) -> set[int]:
    return {column for code in neighbour.codes if (column := column_of(code)) is not None}
