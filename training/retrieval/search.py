"""The nearest training documents of each query, never one of the query's own patient."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.progress import progress_bar

NONE = -1
"""Index that fills up a query with fewer neighbours than k."""
BLOCK_CELLS = 8_000_000
"""Similarities held at once: 32 MB of float32."""

Similarity = Callable[[int, int], np.ndarray]
"""Rows ``start`` to ``stop`` of the similarities of queries and training documents, (stop - start, T)."""


@dataclass(frozen=True)
class Neighbours:
    """Nearest training documents of n queries, best first.

    Shape:
        indices: (n, k) int64 into the training documents, NONE where there are no more;
        similarities: (n, k) float64, 0 there.
    """

    indices: np.ndarray
    similarities: np.ndarray

    def of(self, query: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """At most k neighbours of a query: their indices and similarities."""
        indices = self.indices[query, :k]
        found = indices != NONE
        return indices[found], self.similarities[query, :k][found]


def own_patient(query_subject: str, train_subjects: np.ndarray) -> np.ndarray:
    """Mask (T,) of the training documents of the query's patient; no document for an empty (unknown) subject."""
    if not query_subject:
        return np.zeros(len(train_subjects), dtype=bool)
    same: np.ndarray = train_subjects == query_subject
    return same


def nearest(
    similarity: Similarity, query_subjects: Sequence[str], train_subjects: np.ndarray, k: int, description: str
) -> Neighbours:
    """Exact search for the k most similar training documents of each query; ties go to the earlier document.

    Shape:
        train_subjects: (T,) of str.
    """
    number, size = len(query_subjects), len(train_subjects)
    indices = np.full((number, k), NONE, dtype=np.int64)
    similarities = np.zeros((number, k))
    step = max(1, BLOCK_CELLS // max(size, 1))
    with progress_bar(description, total=number, unit="note") as bar:
        for start in range(0, number, step):
            block = similarity(start, min(start + step, number))
            for row, line in enumerate(block, start=start):
                line = np.where(own_patient(query_subjects[row], train_subjects), -np.inf, line)
                best = highest(line, k)
                indices[row, : len(best)] = best
                similarities[row, : len(best)] = line[best]
            bar.update(len(block))
    return Neighbours(indices, similarities)


def highest(line: np.ndarray, k: int) -> np.ndarray:
    """Indices of the k largest finite values, descending, ties by index."""
    allowed = np.flatnonzero(line > -np.inf)
    if len(allowed) > k:
        kth = np.partition(line[allowed], len(allowed) - k)[len(allowed) - k]
        allowed = allowed[line[allowed] >= kth]
    order: np.ndarray = allowed[np.argsort(-line[allowed], kind="stable")][:k]
    return order
