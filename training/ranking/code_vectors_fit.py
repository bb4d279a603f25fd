"""How much the codes count beside the text when similar notes are searched for, chosen on held-out notes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.code_vectors import CodeVector, CodeVectors
from model.dataset import Document
from model.labels import LabelSpace
from model.progress import with_progress
from training.retrieval.code_search import stored_codes
from training.retrieval.measures import K, Relevance, discounted_gain, label_weights
from training.retrieval.search import highest, own_patient

SHARES = (0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Shares of the codes in the similarity that are tried."""


@dataclass(frozen=True)
class HeldOutQuery:
    """A held-out note as a query: its embedding, and what is predicted of it without neighbours.

    Shape:
        columns and probabilities (C,); embedding (H,), a unit row.
    """

    document: Document
    columns: np.ndarray
    probabilities: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class SearchedPart:
    """Held-out notes, and the training notes that they are searched for among; no patient is in both.

    Shape:
        embeddings (T, H), unit rows, of the corpus.
    """

    corpus: Sequence[Document]
    embeddings: np.ndarray
    queries: Sequence[HeldOutQuery]


@dataclass(frozen=True)
class FittedCodeVectors:
    """The weights and the share, with what chose it."""

    vectors: CodeVectors
    ndcg: dict[float, float]
    """Mean nDCG of the K nearest training notes, by share; empty where no query could be judged."""


def code_weights(train_counts: np.ndarray, documents: int) -> np.ndarray:
    """Square root of the inverse document frequency of each code, float32 (U,)."""
    weights: np.ndarray = np.sqrt(label_weights(train_counts, documents)).astype(np.float32)
    return weights


class StoredNotes:
    """Training notes as a service stores them: by their embeddings, and by the vectors of their assigned codes."""

    def __init__(
        self, documents: Sequence[Document], embeddings: np.ndarray, codes: LabelSpace, vectors: CodeVectors
    ) -> None:
        rows = [np.unique(codes.columns(document.codes)) for document in documents]
        self.subjects = np.array([document.subject_id for document in documents], dtype=object)
        self.relevance = Relevance(rows, len(codes))
        self._embeddings = embeddings
        self._vectors = stored_codes(rows, vectors)

    def by_text(self, embedding: np.ndarray) -> np.ndarray:
        """Cosines of a query's embedding (H,) with those of the notes, (T,)."""
        found: np.ndarray = self._embeddings @ embedding
        return found

    def by_codes(self, query: CodeVector) -> np.ndarray:
        """Cosines of a query's code vector with those of the notes, (T,)."""
        found: np.ndarray = self._vectors @ query.dense(self._vectors.shape[1])
        return found


def ndcg_by_share(query: HeldOutQuery, stored: StoredNotes, columns: np.ndarray, vectors: CodeVectors) -> np.ndarray:
    """nDCG of the K nearest notes of other patients for each of SHARES; NaN where no note shares a code.

    Args:
        columns: the query's assigned codes; the search does not see them, they judge what it finds.
    """
    own = own_patient(query.document.subject_id, stored.subjects)
    gains = np.where(own, 0.0, stored.relevance.gains(columns))
    best = discounted_gain(np.sort(gains)[::-1][:K])
    if best == 0.0:
        return np.full(len(SHARES), np.nan)
    by_text = stored.by_text(query.embedding)
    by_codes = stored.by_codes(vectors.predicted(query.columns, query.probabilities))
    found = []
    for share in SHARES:
        mixed = np.where(own, -np.inf, share * by_codes + (1 - share) * by_text)
        found.append(discounted_gain(gains[highest(mixed, K)]) / best)
    return np.array(found)


def fit_code_vectors(parts: Sequence[SearchedPart], codes: LabelSpace, documents: int) -> FittedCodeVectors:
    """Choose the share by the mean nDCG over all held-out notes.

    Args:
        codes: the code set, counted over the training notes.
        documents: number of training notes.
    """
    vectors = CodeVectors(code_weights(codes.train_counts, documents), 1.0)
    judged = []
    for part in parts:
        stored = StoredNotes(part.corpus, part.embeddings, codes, vectors)
        for query in with_progress(part.queries, "share of the codes", len(part.queries), "note"):
            judged.append(ndcg_by_share(query, stored, codes.columns(query.document.codes), vectors))
    values = np.array(judged).reshape(-1, len(SHARES))
    values = values[~np.isnan(values).any(axis=1)]
    if not len(values):
        return FittedCodeVectors(vectors, {})
    means = values.mean(axis=0)
    share = SHARES[int(means.argmax())]
    measured = {tried: round(float(mean), 4) for tried, mean in zip(SHARES, means, strict=True)}
    return FittedCodeVectors(CodeVectors(vectors.weights, share), measured)
