"""A linear model of each code over all phrases of a note: many weak signs that together say what none says alone.

Ridge regression, one code against the rest, on the TF-IDF of phrases (Rifkin, Yeo and Poggio 2003, "Regularized
least-squares classification"). The lexicon looks at the surest phrases of a code; this model adds all of them up.
"""

from dataclasses import dataclass

import numpy as np

from model.candidates import Channel, scored_channel
from model.lexicon.phrase_matches import PhraseRows, cells_of

LINEAR = "linear"
PROPOSED = 50
"""Codes that it proposes, best first; untuned."""


@dataclass(frozen=True)
class LinearPhrases:
    """Weights of the lexicon's R rows (:mod:`model.lexicon.phrase_matches`) for the L codes of the label space.

    Shape:
        idf (R,) float32, 0 for a row without a weight; indptr (R + 1,) int64, columns (K,) int32 and weights (K,)
        float32: the codes of each row; share (L,) float32: of the training notes with each code, 0 without one.
    """

    idf: np.ndarray
    indptr: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    share: np.ndarray

    def scores(self, found: PhraseRows) -> np.ndarray:
        """An estimate of each code's probability for a note's rows, not bounded to 0 to 1, (L,) float64."""
        rows, values = tfidf(self.idf, found)
        place, cells = cells_of(self.indptr, rows)
        parts = self.weights[cells] * values[place]
        scores: np.ndarray = self.share + np.bincount(self.columns[cells], parts, minlength=len(self.share))
        return scores

    def channel(self, found: PhraseRows) -> Channel:
        """Score, logarithm of the rank, and distance to the best score of every code that a training note has."""
        columns = np.flatnonzero(self.share)
        scores = self.scores(found)[columns]
        return scored_channel(LINEAR, "score", columns, scores, np.argsort(-scores, kind="stable"), PROPOSED)


def tfidf(idf: np.ndarray, found: PhraseRows) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a note that have an idf, and their values, (1 + log times) x idf, as a vector of length 1.

    Shape:
        idf (R,), 0 for a row that is not used.
    """
    used = (found.times > 0) & (idf[found.row] > 0)
    rows = found.row[used]
    values = (1 + np.log(found.times[used])) * idf[rows].astype(np.float64)
    return rows, values / max(float(np.sqrt((values**2).sum())), 1e-12)
