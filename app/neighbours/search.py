"""Exact search in a snapshot: filters before ranking, one order for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.neighbours.snapshot import Snapshot

EXTRA_CANDIDATES = 32
"""Candidates beyond k that are recomputed in float64; float32 may misplace near ties."""
FLOAT32_SLACK = 1e-5
"""More than float32's error of a cosine at D = 1,024 (measured below 1e-6)."""


@dataclass(frozen=True)
class Filters:
    """Which notes may be neighbours; a note must pass all of them."""

    exclude_subjects: frozenset[str] = frozenset()
    exclude_notes: frozenset[str] = frozenset()
    splits: frozenset[str] | None = None
    """None: every split that is stored."""


class Hit(NamedTuple):
    """A similar note."""

    note_id: str
    similarity: float
    """Cosine, -1 to 1."""


def search(snapshot: Snapshot, query: np.ndarray, k: int, filters: Filters) -> list[Hit]:
    """The k most similar notes, by (-similarity, note_id); fewer where fewer pass the filters.

    Shape:
        query: (D,) of any scale but zero.
    """
    allowed = np.flatnonzero(_allowed(snapshot, filters))
    k = min(k, len(allowed))
    if k == 0:
        return []
    scores = (snapshot.matrix @ query.astype(np.float32)) / snapshot.norms  # (N,)
    scores = scores[allowed]
    rows = allowed[_candidates(scores, k, slack=FLOAT32_SLACK * float(np.linalg.norm(query)))]
    note_ids = [str(snapshot.note_ids[row]) for row in rows]
    return order_by_cosine(snapshot.matrix[rows], note_ids, query)[:k]


def order_by_cosine(vectors: np.ndarray, note_ids: Sequence[str], query: np.ndarray) -> list[Hit]:
    """Hits by (-similarity, note_id), the cosine in float64 from the stored float16 values.

    The one place where similarities of an answer are computed, whichever engine found the candidates; equal
    vectors get equal similarities wherever they stand.

    Shape:
        vectors: (C, D) holding float16 values; query: (D,)
    """
    wide = vectors.astype(np.float64)
    target = query.astype(np.float64)
    products = (wide * target).sum(axis=1)  # not `@`: BLAS may round equal rows differently
    norms = np.sqrt((wide * wide).sum(axis=1)) * np.sqrt((target * target).sum())
    cosines = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0.0)
    hits = [Hit(note_id, float(cosine)) for note_id, cosine in zip(note_ids, cosines, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.similarity, hit.note_id))


def _allowed(snapshot: Snapshot, filters: Filters) -> np.ndarray:
    mask = np.ones(len(snapshot), dtype=bool)
    for subject_id in filters.exclude_subjects:
        mask &= snapshot.subject_ids != subject_id
    for note_id in filters.exclude_notes:
        row = snapshot.row(note_id)
        if row is not None:
            mask[row] = False
    if filters.splits is not None:
        mask &= np.isin(snapshot.splits, sorted(filters.splits))
    return mask


def _candidates(scores: np.ndarray, k: int, slack: float) -> np.ndarray:
    """The k + 32 best, and everything that ties with the k-th: byte-identical notes may be many."""
    wanted = min(k + EXTRA_CANDIDATES, len(scores))
    best = np.argpartition(-scores, wanted - 1)[:wanted]
    kth = np.partition(scores[best], wanted - k)[wanted - k]
    return np.union1d(best, np.flatnonzero(scores >= kth - slack))
