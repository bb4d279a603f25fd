"""Fits the linear model of phrases on the training notes of a lexicon."""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from model.lexicon.lexicon import DOCUMENT, Lexicon
from model.lexicon.linear_phrases import LinearPhrases, tfidf
from model.progress import with_progress
from training.ranking.training_note import TrainingNote

PENALTY = 0.1
"""Ridge regression's alpha. This and the three numbers that follow were chosen on the development cases of CodiEsp
(Spanish), the demo's and a table of MTSamples' specialties (docs/LOG.md, 2026-12-01)."""
LONGEST = 1
"""Stems of a phrase: with pairs of words the many rare ones outweigh the words."""
LEAST_NOTES = 3
"""Training notes of a phrase: one of a single note says only which note it was."""
MOST_PHRASES, MOST_WEIGHTS = 300, 250_000
"""Weights that a code keeps, those that move its scores most: 300, or its part of 250,000 where codes are few."""
MOST_NOTES = 10_000
"""Training notes that are learned from, a random sample where there are more: 0.8 GB for their similarities."""
BLOCK = 500
"""Codes whose weights for every phrase are in memory at once."""


def fit_linear_phrases(lexicon: Lexicon, notes: Sequence[TrainingNote], seed: int = 0) -> LinearPhrases:
    """Weights for the codes of the lexicon.

    Only rows that the lexicon counts have one: each stands in the notes of several patients.

    Args:
        notes: those that the lexicon was fitted on.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(notes))[:MOST_NOTES]).tolist()
    kept = [notes[place] for place in chosen]
    truth = np.zeros((len(kept), len(lexicon.code_notes)))
    for line, note in zip(truth, kept, strict=True):
        line[note.columns] = 1.0
    share = truth.mean(axis=0)
    idf = _idf(lexicon)
    used = np.flatnonzero(idf)
    vectors = _vectors(lexicon, kept, idf, used)
    dual = _dual(vectors, truth - share)
    spread = np.sqrt(np.asarray(vectors.multiply(vectors).mean(axis=0)).ravel())
    most = min(max(MOST_PHRASES, MOST_WEIGHTS // max(len(share), 1)), len(used))
    blocks = range(0, len(share) if most else 0, BLOCK)
    cells = []
    for start in with_progress(blocks, "linear", len(blocks), "block"):
        rows, columns, weights = _largest((vectors.T @ dual[:, start : start + BLOCK]).T, spread, most)
        cells.append((used[rows], columns + start, weights))
    return _by_row(cells, idf, share)


def _idf(lexicon: Lexicon) -> np.ndarray:
    """As scikit-learn's smoothed one; 0 for a row that is not used, (R,)."""
    counts = lexicon.tables[DOCUMENT].notes
    used = (counts >= LEAST_NOTES) & (np.repeat(lexicon.index.lengths, 2) <= LONGEST)
    return np.where(used, np.log((1 + lexicon.notes) / (1 + counts)) + 1, 0.0)


def _vectors(lexicon: Lexicon, notes: Sequence[TrainingNote], idf: np.ndarray, used: np.ndarray) -> csr_array:
    """Rows of unit length, one for each note, over the used phrases."""
    rows, values = zip(*(tfidf(idf, lexicon.rows(note.note)) for note in notes), strict=True)
    places = np.searchsorted(used, np.concatenate(rows))
    starts = np.cumsum([0, *map(len, rows)])
    return csr_array((np.concatenate(values), places, starts), shape=(len(notes), len(used)))


def _dual(vectors: csr_array, centred: np.ndarray) -> np.ndarray:
    """The weight of each note for each code, (N, L): notes are fewer than phrases."""
    similarities = (vectors @ vectors.T).toarray()
    similarities[np.diag_indices_from(similarities)] += PENALTY
    dual: np.ndarray = cho_solve(cho_factor(similarities, overwrite_a=True), centred, overwrite_b=True)
    return dual


def _largest(weights: np.ndarray, spread: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and weight of the ``most`` largest of each code.

    Shape:
        weights (C, R); spread (R,), root mean square of each row's values.
    """
    rows = np.argpartition(-np.abs(weights * spread), most - 1, axis=1)[:, :most]
    columns = np.broadcast_to(np.arange(len(weights))[:, None], rows.shape)
    found = np.take_along_axis(weights, rows, axis=1)
    kept = found != 0
    return rows[kept], columns[kept], found[kept]


def _by_row(
    cells: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], idf: np.ndarray, share: np.ndarray
) -> LinearPhrases:
    none = np.zeros(0, dtype=np.int64)
    rows, columns, weights = (np.concatenate([none, *(part[k] for part in cells)]) for k in range(3))
    order = np.lexsort((columns, rows))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(idf)))]).astype(np.int64)
    return LinearPhrases(
        idf.astype(np.float32),
        indptr,
        columns[order].astype(np.int32),
        weights[order].astype(np.float32),
        share.astype(np.float32),
    )
