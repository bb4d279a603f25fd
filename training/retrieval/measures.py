"""Measures of how far the codes of the nearest training documents agree with those of the query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.retrieval.search import Neighbours, own_patient

K = 10
RARE = 10
"""A rare code has 1 to this many training documents; a code with none can be on no neighbour."""


@dataclass(frozen=True)
class Measures:
    """One value a query, NaN where a measure is not defined, float64 (n,) each."""

    jaccard: np.ndarray
    """Mean Jaccard index |S & T| / |S | T| of the label sets of query and neighbour; NaN for a query without codes."""
    ndcg: np.ndarray
    """nDCG with the weighted Jaccard index as gain; NaN where no training document shares a code."""
    rare_recall: np.ndarray
    """Share of the query's rare codes that a neighbour carries; NaN for a query without a rare code."""


def label_weights(train_counts: np.ndarray, documents: int) -> np.ndarray:
    """Inverse document frequency w_c = ln((1 + N) / (1 + n_c)) + 1, above 0 for every code.

    Spaerck Jones 1972, in scikit-learn's smoothed form.

    Shape:
        train_counts (L,): n_c, training documents with the code; returns (L,).
    """
    weights: np.ndarray = np.log((1 + documents) / (1 + train_counts)) + 1
    return weights


def discounts(k: int) -> np.ndarray:
    """1 / log2(rank + 1), (k,)."""
    found: np.ndarray = 1 / np.log2(np.arange(1, k + 1) + 1)
    return found


def discounted_gain(gains: np.ndarray) -> float:
    """Discounted cumulative gain of documents in their order, (k,)."""
    return float(gains @ discounts(len(gains)))


class Relevance:
    """Relevance of training documents to a query, from the label sets alone.

    The gain is the weighted Jaccard index (Ruzicka's; Ioffe 2010, Eq. 1) of two label sets S and T:
    sum of w_c over S & T / sum of w_c over S | T. It is 1 for equal sets, and a shared rare code is worth more
    than a shared common one.
    """

    def __init__(self, train_rows: Sequence[np.ndarray], num_labels: int) -> None:
        self._sizes = np.array([len(columns) for columns in train_rows], dtype=np.int64)
        flat = np.concatenate([*train_rows, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        owner = np.repeat(np.arange(len(train_rows)), self._sizes)
        self.train_counts = np.bincount(flat, minlength=num_labels)
        self.weights = label_weights(self.train_counts, len(train_rows))
        self._mass = np.bincount(owner, weights=self.weights[flat], minlength=len(train_rows))
        # The training documents of each label, one after the other.
        self._carriers = owner[np.argsort(flat, kind="stable")]
        self._starts = np.append(0, np.cumsum(self.train_counts))

    def jaccard(self, columns: np.ndarray) -> np.ndarray:
        """Jaccard index of a query's labels with those of every training document, (T,)."""
        return self._index(columns, np.ones_like(self.weights), self._sizes)

    def gains(self, columns: np.ndarray) -> np.ndarray:
        """Weighted Jaccard index of a query's labels with those of every training document, (T,)."""
        return self._index(columns, self.weights, self._mass)

    def rare(self, columns: np.ndarray) -> np.ndarray:
        """The rare ones among the columns."""
        counts = self.train_counts[columns]
        found: np.ndarray = columns[(counts >= 1) & (counts <= RARE)]
        return found

    def _index(self, columns: np.ndarray, weights: np.ndarray, mass: np.ndarray) -> np.ndarray:
        shared = np.zeros(len(mass))
        for column in columns.tolist():
            shared[self._carriers[self._starts[column] : self._starts[column + 1]]] += weights[column]
        union = mass + weights[columns].sum() - shared
        found: np.ndarray = np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)
        return found


def measure(
    systems: Mapping[str, Neighbours],
    rows: Sequence[np.ndarray],
    subjects: Sequence[str],
    train_rows: Sequence[np.ndarray],
    train_subjects: np.ndarray,
    num_labels: int,
    k: int = K,
) -> dict[str, Measures]:
    """Every measure of every system's k nearest documents, on the same queries.

    nDCG (Jaervelin and Kekaelaeinen 2002): sum of gain_r / log2(r + 1) over the ranks r, over the same sum for
    the best order of the training documents that the query may have (not those of its patient). Fewer than k
    training documents make fewer ranks; the mean of the Jaccard index is over the neighbours that are there.

    Args:
        rows, train_rows: distinct label columns of each document.
    """
    relevance = Relevance(train_rows, num_labels)
    found = {name: Measures(*(np.full(len(rows), np.nan) for _ in range(3))) for name in systems}
    for query, columns in enumerate(rows):
        jaccard, gains = relevance.jaccard(columns), relevance.gains(columns)
        gains[own_patient(subjects[query], train_subjects)] = 0.0
        best = discounted_gain(np.sort(gains)[::-1][:k])
        rare = relevance.rare(columns)
        for name, neighbours in systems.items():
            chosen, _ = neighbours.of(query, k)
            if len(columns) and len(chosen):
                found[name].jaccard[query] = jaccard[chosen].mean()
            if best > 0:
                found[name].ndcg[query] = discounted_gain(gains[chosen]) / best
            if len(rare):
                carried = np.concatenate([np.zeros(0, dtype=np.int64), *(train_rows[index] for index in chosen)])
                found[name].rare_recall[query] = np.isin(rare, carried).mean()
    return found
