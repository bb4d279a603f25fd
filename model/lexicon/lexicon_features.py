"""The lexicon's features of the candidate codes of a note, computed from its phrase matches."""

from collections.abc import Sequence

import numpy as np

from model.lexicon.phrase_matches import PhraseMatches

STRONG = 0.3
"""A phrase is strong from this precision on; untuned."""
ADDED = 2.0
"""Notes with the label prior that are added for the log odds, log((count + a prior) / ((notes + a) prior)); untuned."""
SUMMED = 20
"""Phrases whose log odds or precisions are summed: the surest of a code; untuned."""
_DOCUMENT = ("best", "second", "third", "best_count", "best_notes", "best_words", "best_log_odds", "sum_log_odds")
_MORE = ("strong", "one_word", "historical", "in_scope", "only_in_scope")
_SPAN = ("span_best", "span_second", "span_third", "span_count", "span_words", "span_sum")
_WHOLE = ("whole_best", "whole_count", "whole_words", "whole_sum")
NAMES = tuple(f"lexicon.{name}" for name in (*_DOCUMENT, *_MORE, *_SPAN, *_WHOLE))
MOST = 300
"""Codes that the phrases of one note propose at most, the surest; every phrase that stood in one training note proposes
all of its codes."""


def feature_table(
    document: PhraseMatches, span: PhraseMatches, whole: PhraseMatches, lengths: np.ndarray, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Candidate columns, ascending, and their features; 0 without a match.

    Args:
        document, span, whole: matches of the note's phrases in each table.
        lengths: words of each phrase of the index.
        prior: share of the training notes with each code.

    Shape:
        lengths (P,); prior (L,); returns (C,) int64 and (C, F) float32.
    """
    columns = _candidates((document, span, whole), len(prior))
    chosen = np.zeros(len(prior), dtype=bool)
    chosen[columns] = True
    document, span, whole = (table.where(chosen[table.column]) for table in (document, span, whole))
    out = np.zeros((len(columns), len(NAMES)), dtype=np.float32)
    writer = _FeatureWriter(columns, len(prior), out)
    _document_features(writer, document, lengths, prior)
    for prefix, table, places in (("span", span, 3), ("whole", whole, 1)):
        # A count in spans says how an annotated phrase was coded. A denied one is hardly ever annotated, so the few
        # that are say nothing about the rest.
        said = table.where(table.own & (table.row % 2 == 0))
        for name, rank in zip(("best", "second", "third")[:places], range(places), strict=True):
            writer.best(f"{prefix}_{name}", said, said.precision, rank)
        writer.best(f"{prefix}_count", said, said.count)
        writer.best(f"{prefix}_words", said, lengths[said.row // 2])
        writer.total(f"{prefix}_sum", said, said.precision)
    return columns, out


def _candidates(tables: Sequence[PhraseMatches], codes: int) -> np.ndarray:
    """Columns with the largest sums of their best precisions, at most MOST, ascending."""
    score = np.zeros(codes)
    for table in tables:
        best = np.zeros(codes)
        np.maximum.at(best, table.column, table.precision)
        score += best
    columns = np.flatnonzero(score)
    return np.sort(columns[np.argsort(-score[columns], kind="stable")[:MOST]])


def _document_features(
    writer: "_FeatureWriter", document: PhraseMatches, lengths: np.ndarray, prior: np.ndarray
) -> None:
    in_scope = document.row % 2 == 1
    said = document.where(document.own & ~in_scope)
    words = lengths[said.row // 2]
    base = prior[said.column]
    log_odds = np.log((said.count + ADDED * base) / ((said.notes + ADDED) * base))
    for rank, name in enumerate(("best", "second", "third")):
        writer.best(name, said, said.precision, rank)
    writer.best("best_count", said, said.count)
    writer.best("best_notes", said, said.notes)
    writer.best("best_words", said, words)
    writer.best("best_log_odds", said, log_odds)
    writer.total("sum_log_odds", said, log_odds)
    writer.number("strong", said, said.precision >= STRONG)
    writer.surest("one_word", said, words == 1)
    writer.surest("historical", said, said.historical)
    writer.surest("in_scope", document, document.own & in_scope)
    writer.surest("only_in_scope", document, ~document.own)


class _FeatureWriter:
    """Writes one feature at a time into the table of the candidates."""

    def __init__(self, columns: np.ndarray, codes: int, out: np.ndarray) -> None:
        self._place = np.zeros(codes, dtype=np.int64)
        self._place[columns] = np.arange(len(columns))
        self._out = out

    def best(self, name: str, pairs: PhraseMatches, values: np.ndarray, rank: int = 0) -> None:
        """The value of the pair at a rank of its column."""
        chosen = pairs.at_rank(rank)
        self._feature(name)[self._place[pairs.column[chosen]]] = values[chosen]

    def total(self, name: str, pairs: PhraseMatches, values: np.ndarray) -> None:
        """The sum over the surest pairs of each column."""
        chosen = pairs.up_to_rank(SUMMED)
        self._feature(name)[:] = np.bincount(self._place[pairs.column[chosen]], values[chosen], len(self._out))

    def number(self, name: str, pairs: PhraseMatches, counted: np.ndarray) -> None:
        """How many pairs of each column are counted."""
        self._feature(name)[:] = np.bincount(self._place[pairs.column[counted]], minlength=len(self._out))

    def surest(self, name: str, pairs: PhraseMatches, kept: np.ndarray) -> None:
        """The largest precision of some pairs of each column."""
        largest = np.zeros(len(self._out))  # contiguous and of one type: `at` is ten times faster than in the table
        np.maximum.at(largest, self._place[pairs.column[kept]], pairs.precision[kept])
        self._feature(name)[:] = largest

    def _feature(self, name: str) -> np.ndarray:
        feature: np.ndarray = self._out[:, NAMES.index(f"lexicon.{name}")]
        return feature
