"""Many notes as their codes: one sparse matrix, whichever engine has stored them."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, vstack

from model.code_vectors import CodeVector, csr_parts


def code_rows(vectors: Sequence[CodeVector | None]) -> csr_array:
    """A row a note, empty for None; as wide as its highest column needs.

    Shape:
        returns: (N, U) float32
    """
    parts = csr_parts([CodeVector.empty() if vector is None else vector for vector in vectors])
    width = int(parts[1].max(initial=0)) + 1
    return csr_array(parts, shape=(len(vectors), width))


def joined(parts: Sequence[csr_array]) -> csr_array:
    """The rows of all parts, one part after the other."""
    width = max(part.shape[1] for part in parts)
    return vstack([_reshaped(part, width) for part in parts], format="csr")


def products(rows: csr_array, query: CodeVector) -> np.ndarray:
    """Inner product of each row with the query, float32 (N,): what a search sifts with."""
    found: np.ndarray = rows @ query.dense(rows.shape[1])
    return found


def cosines(rows: csr_array, query: CodeVector) -> np.ndarray:
    """Cosine of each row with the query, float64 (N,); 0 for a row without codes.

    Each row is summed in the order of its columns, so that equal rows have equal cosines wherever they stand.
    """
    wide = rows.astype(np.float64)
    found: np.ndarray = wide @ query.dense(rows.shape[1], np.float64)
    squares = csr_array((wide.data * wide.data, rows.indices, rows.indptr), shape=rows.shape)
    length = np.sqrt(np.square(query.values, dtype=np.float64).sum())
    norms = np.sqrt(squares @ np.ones(rows.shape[1])) * length
    divided: np.ndarray = np.divide(found, norms, out=np.zeros(len(found)), where=norms > 0.0)
    return divided


def memory(rows: csr_array) -> int:
    """Bytes of the arrays."""
    return int(rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes)


def _reshaped(rows: csr_array, width: int) -> csr_array:
    return csr_array((rows.data, rows.indices, rows.indptr), shape=(rows.shape[0], width))
