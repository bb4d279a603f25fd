"""Notes as rows of a sparse matrix of their codes, to search them by what is predicted of a query."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_array

from model.code_vectors import CodeVector, CodeVectors, csr_parts
from model.coder import Coder
from model.dataset import Document
from model.progress import with_progress


def stacked(vectors: Sequence[CodeVector], columns: int) -> csr_array:
    """The vectors as a sparse matrix (n, U) float32."""
    return csr_array(csr_parts(vectors), shape=(len(vectors), columns))


def stored_codes(rows: Iterable[np.ndarray], vectors: CodeVectors) -> csr_array:
    """Documents as a service stores them, by the columns of their assigned codes: (n, U)."""
    return stacked([vectors.assigned(columns) for columns in rows], len(vectors.weights))


def predicted_codes(
    coder: Coder, documents: Sequence[Document], probabilities: np.ndarray, description: str
) -> csr_array:
    """Documents as queries, by the codes that are predicted without neighbours: (n, U), empty rows without a ranker.

    Shape:
        probabilities: (n, L), the classifier's.
    """
    ranker = coder.ranker
    if ranker is None or ranker.code_vectors is None:
        return stacked([CodeVector.empty()] * len(documents), len(coder.codes))
    found = []
    for place, document in enumerate(with_progress(documents, description, len(documents), "note")):
        ranking = ranker.rank(coder.read(document.text), probabilities[place].astype(np.float64))
        found.append(ranker.code_vectors.predicted(ranking.columns, ranking.probabilities))
    return stacked(found, len(ranker.codes))
