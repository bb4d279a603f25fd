"""Exact search: an engine proposes candidates, and one function orders them the same for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array
from sqlalchemy import Connection

from app.database.column_types import VECTOR_TYPE
from app.neighbours.code_rows import cosines as code_cosines
from model.code_vectors import CodeVector
from model.errors import EmbeddingMismatch

EXTRA_CANDIDATES = 32
"""Candidates beyond k that are recomputed in float64; float32 may misplace near ties."""


@dataclass(frozen=True)
class Excluded:
    """Notes that may not be neighbours, by their own ids or their patients'; left out before the ranking."""

    subjects: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()


class SearchQuery(NamedTuple):
    """What similar notes are looked for with."""

    text: np.ndarray
    """The document embedding (D,), of any scale but zero."""
    codes: CodeVector | None = None
    """The codes; None or empty for a search by text."""
    share: float = 0.0
    """Of the codes in the similarity: 0 by text, 1 by codes."""

    @property
    def reads_codes(self) -> bool:
        """Whether the codes change the order."""
        return self.codes is not None and len(self.codes) > 0 and self.share > 0.0


class Hit(NamedTuple):
    """A similar note."""

    note_id: str
    similarity: float
    """``share`` times the cosine of the codes and ``1 - share`` times that of the texts, -1 to 1."""
    text_similarity: float
    """Cosine of the document embeddings."""
    code_similarity: float | None = None
    """Cosine of the codes; None where the search was by text, or the note has none."""
    codes_predicted: bool = False
    """Whether these codes of the note are a bundle's prediction."""


class StoredCodes(NamedTuple):
    """The codes of candidates, for a search that reads them.

    Shape:
        rows: (C, U), empty for a note without codes; predicted: (C,) bool
    """

    rows: csr_array
    predicted: np.ndarray


class Candidates(NamedTuple):
    """What an engine proposes.

    Shape:
        vectors: (C, D) float16, as stored
    """

    note_ids: Sequence[str]
    vectors: np.ndarray
    ceiling: float
    """No note that is neither excluded nor among these is more similar; -inf when none of those belongs to the
    ``wanted`` first of the order."""
    codes: StoredCodes | None = None
    """None for a search by text."""


class CandidateSource(Protocol):
    """The part of the search that differs between the engines."""

    def nearest(self, connection: Connection, query: SearchQuery, wanted: int, excluded: Excluded) -> Candidates:
        """About the ``wanted`` most similar notes that are not excluded, in the transaction's state.

        Args:
            query: as :func:`as_stored` leaves it.
        """


def search(
    source: CandidateSource, connection: Connection, query: SearchQuery, k: int, excluded: Excluded
) -> list[Hit]:
    """The k most similar notes, by (-similarity, note_id); fewer where fewer are stored.

    More candidates are asked for until none that is missing can belong to the answer: byte-identical notes may be
    many, and are ordered by their ids like all others.
    """
    if k <= 0:
        return []
    target = _as_stored_query(query)
    wanted = k + EXTRA_CANDIDATES
    while True:
        candidates = source.nearest(connection, target, wanted, excluded)
        hits = ordered(candidates, target)[:k]
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


def _as_stored_query(query: SearchQuery) -> SearchQuery:
    """The query with its text as stored rows are; one whose codes change nothing has none."""
    if not 0.0 <= query.share <= 1.0:
        raise ValueError(f"share must be from 0 to 1, got {query.share}")
    text = as_stored(query.text)
    return query._replace(text=text) if query.reads_codes else SearchQuery(text)


def ordered(candidates: Candidates, query: SearchQuery) -> list[Hit]:
    """Hits by (-similarity, note_id), in float64 from the stored values.

    The one place where similarities of an answer are computed, whichever engine found the candidates; equal rows get
    equal similarities wherever they stand.
    """
    texts = _text_cosines(candidates.vectors, query.text)
    if candidates.codes is None or query.codes is None:
        hits = [Hit(note_id, text, text) for note_id, text in zip(candidates.note_ids, texts.tolist(), strict=True)]
    else:
        rows, predicted = candidates.codes
        codes = code_cosines(rows, query.codes)
        mixed = query.share * codes + (1.0 - query.share) * texts
        columns = (mixed.tolist(), texts.tolist(), codes.tolist(), np.diff(rows.indptr).tolist(), predicted.tolist())
        hits = [
            Hit(note_id, similarity, text, code if count else None, is_predicted)
            for note_id, similarity, text, code, count, is_predicted in zip(candidates.note_ids, *columns, strict=True)
        ]
    return sorted(hits, key=lambda hit: (-hit.similarity, hit.note_id))


def _text_cosines(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosines (C,) of rows (C, D) of float16 values with a query (D,)."""
    wide = vectors.astype(np.float64)
    target = query.astype(np.float64)
    products = (wide * target).sum(axis=1)  # not `@`: BLAS may round equal rows differently
    norms = np.sqrt((wide * wide).sum(axis=1)) * np.sqrt((target * target).sum())
    cosines: np.ndarray = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0.0)
    return cosines


def require_dimension(query: np.ndarray, dimension: int) -> None:
    """Raise EmbeddingMismatch unless the query (D,) has the dimension of the stored rows."""
    if query.shape != (dimension,):
        raise EmbeddingMismatch(
            f"the embedding has {query.shape[-1]} values, the database's have {dimension}: "
            "search with the bundle that has indexed it"
        )
