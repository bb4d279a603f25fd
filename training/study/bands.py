"""Head, medium and tail: labels by how many training documents carry them."""

from dataclasses import dataclass

import numpy as np

BANDS = ("head", "medium", "tail")


@dataclass(frozen=True)
class Band:
    """Labels of one band. Shape: columns (m,) int64."""

    name: str
    columns: np.ndarray
    fewest: int
    most: int
    """Training documents of its rarest and its most frequent label."""


def bands(train_counts: np.ndarray) -> list[Band]:
    """Labels in falling order of training documents, cut where a third and two thirds of all assignments are reached.

    So each band holds about a third of the training assignments: few labels in the head, many in the tail. A label
    without a training document belongs to no band, since no loss can learn it.

    Args:
        train_counts: training documents of each label, int (L,).
    """
    order = np.argsort(-train_counts, kind="stable")
    order = order[train_counts[order] > 0]
    before = np.cumsum(train_counts[order]) - train_counts[order]  # assignments of the labels ahead
    third = np.minimum(3 * before // max(1, int(train_counts.sum())), 2)
    return [
        _band(name, np.sort(order[third == number]), train_counts)
        for number, name in enumerate(BANDS)
        if (third == number).any()
    ]


def _band(name: str, columns: np.ndarray, train_counts: np.ndarray) -> Band:
    counts = train_counts[columns]
    return Band(name, columns, int(counts.min()), int(counts.max()))
