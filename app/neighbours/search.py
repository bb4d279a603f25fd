"""Exact search: an engine proposes candidates, and one function orders them the same for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from sqlalchemy import Connection

from app.database.column_types import VECTOR_TYPE
from model.errors import EmbeddingMismatch

EXTRA_CANDIDATES = 32
"""Candidates beyond k that are recomputed in float64; float32 may misplace near ties."""


@dataclass(frozen=True)
class Excluded:
    """Notes that may not be neighbours, by their own ids or their patients'; left out before the ranking."""

    subjects: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()


class Hit(NamedTuple):
    """A similar note."""

    note_id: str
    similarity: float
    """Cosine, -1 to 1."""


class Candidates(NamedTuple):
    """What an engine proposes.

    Shape:
        vectors: (C, D) float16, as stored
    """

    note_ids: Sequence[str]
    vectors: np.ndarray
    ceiling: float
    """No note that is neither excluded nor among these has a cosine above it; -inf when there is none."""


class CandidateSource(Protocol):
    """The part of the search that differs between the engines."""

    def nearest(self, connection: Connection, query: np.ndarray, wanted: int, excluded: Excluded) -> Candidates:
        """About the ``wanted`` nearest notes that are not excluded, in the transaction's state.

        Shape:
            query: (D,) float16, a unit row
        """


def search(source: CandidateSource, connection: Connection, query: np.ndarray, k: int, excluded: Excluded) -> list[Hit]:
    """The k most similar notes, by (-similarity, note_id); fewer where fewer are stored.

    More candidates are asked for until none that is missing can belong to the answer: byte-identical notes may be
    many, and are ordered by their ids like all others.

    Shape:
        query: (D,) of any scale but zero.
    """
    if k <= 0:
        return []
    target = as_stored(query)
    wanted = k + EXTRA_CANDIDATES
    while True:
        candidates = source.nearest(connection, target, wanted, excluded)
        hits = order_by_cosine(candidates.vectors, candidates.note_ids, target)[:k]
        if candidates.ceiling == -np.inf or (len(hits) == k and hits[-1].similarity > candidates.ceiling):
            return hits
        wanted *= 4


def as_stored(vector: np.ndarray) -> np.ndarray:
    """A vector (D,) as a unit row in float16: a query is rounded as the stored rows are, so equal notes have cosine 1.

    A row without length stays zero.
    """
    wide = vector.astype(np.float64)
    norm = float(np.sqrt((wide * wide).sum()))
    return (wide / norm if norm > 0.0 else wide).astype(VECTOR_TYPE)


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


def require_dimension(query: np.ndarray, dimension: int) -> None:
    """Raise EmbeddingMismatch unless the query (D,) has the dimension of the stored rows."""
    if query.shape != (dimension,):
        raise EmbeddingMismatch(
            f"the embedding has {query.shape[-1]} values, the database's have {dimension}: "
            "search with the bundle that has indexed it"
        )
