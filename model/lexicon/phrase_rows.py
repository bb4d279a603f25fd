"""The phrases of one note, as rows of the lexicon's tables.

Row 2 p is phrase p as said; row 2 p + 1 is phrase p in a negated, family, resolved or hypothetical scope.
"""

from dataclasses import dataclass

import numpy as np

from model.lexicon.phrase_index import Occurrences
from model.text.assertion import NOT_PRESENT, Assertion


@dataclass(frozen=True)
class PhraseRows:
    """Distinct rows, ascending.

    Shape:
        row (R,) int64; own (R,) bool: the note has the row, else it has the phrase in a scope only; historical (R,)
        bool: every occurrence of the row is history.
    """

    row: np.ndarray
    own: np.ndarray
    historical: np.ndarray


def rows_of(occurrences: Occurrences, contexts: np.ndarray) -> np.ndarray:
    """Row of each occurrence, int64 (N,)."""
    rows: np.ndarray = occurrences.phrase * 2 + _touched(occurrences, contexts, NOT_PRESENT)
    return rows


def phrase_rows(occurrences: Occurrences, contexts: np.ndarray) -> PhraseRows:
    """The rows that a note has, and the said rows of phrases that it has in scopes only."""
    rows, place = np.unique(rows_of(occurrences, contexts), return_inverse=True)
    now = np.zeros(len(rows), dtype=bool)
    now[place[~_touched(occurrences, contexts, Assertion.HISTORICAL)]] = True
    opposite = np.setdiff1d(rows[rows % 2 == 1] - 1, rows, assume_unique=True)
    every = np.concatenate([rows, opposite])
    order = np.argsort(every)
    own = np.arange(len(every)) < len(rows)
    historical = np.concatenate([~now, np.zeros(len(opposite), dtype=bool)])
    return PhraseRows(every[order], own[order], historical[order])


def _touched(occurrences: Occurrences, contexts: np.ndarray, assertion: Assertion) -> np.ndarray:
    """Whether a word of each occurrence lies in one of the scopes, bool (N,)."""
    inside = np.concatenate([[0], np.cumsum((contexts & np.uint8(assertion)) != 0)])
    touched: np.ndarray = inside[occurrences.start + occurrences.length] > inside[occurrences.start]
    return touched
