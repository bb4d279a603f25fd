"""The lexicon: how precisely each phrase of a note predicts each code, counted on training notes.

A phrase is one to four stems of one sentence, or a whole annotated span. For each the lexicon counts the training notes
that have it, those of them that carry a code (document level), and those in which it stands for the code (inside an
annotated span, or as the whole span). A phrase that is negated, about the family or hypothetical counts apart.
"""

from dataclasses import dataclass

import numpy as np

from model.candidates import ChannelFeatures
from model.lexicon.lexicon_features import NAMES, feature_table
from model.lexicon.phrase_index import PhraseIndex
from model.lexicon.phrase_matches import PhraseMatches, PhraseRows, cells_of, phrase_rows
from model.processor_budget import check_budget
from model.text.read_note import ReadNote, read_note


@dataclass(frozen=True)
class CountTable:
    """R rows of distinct columns with their counts.

    Shape:
        notes (R,) int32, notes that have the row; indptr (R + 1,) int64; columns, counts (K,) int32.
    """

    notes: np.ndarray
    indptr: np.ndarray
    columns: np.ndarray
    counts: np.ndarray

    def gather(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells of several rows: the place among ``rows``, the column, the count; (k,) int64 each."""
        place, cells = cells_of(self.indptr, rows)
        return place, self.columns[cells].astype(np.int64), self.counts[cells].astype(np.int64)


def count_table(notes: np.ndarray, rows: np.ndarray, columns: np.ndarray, counts: np.ndarray) -> CountTable:
    """A table from cells in ascending order of rows.

    Shape:
        notes (R,); rows, columns, counts (K,).
    """
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(notes)))]).astype(np.int64)
    return CountTable(notes.astype(np.int32), indptr, columns.astype(np.int32), counts.astype(np.int32))


DOCUMENT, SPAN, WHOLE = "document", "span", "whole"
TABLES = (DOCUMENT, SPAN, WHOLE)
SHRINK = {DOCUMENT: 2.0, SPAN: 1.0, WHOLE: 1.0}
"""Notes without the code that are added to a phrase's notes, since a single note is weak evidence. From an
exploration on CodiEsp's training and development cases."""
FLOOR = {DOCUMENT: 0.02, SPAN: 0.01, WHOLE: 0.01}
"""Precisions below it are no evidence; untuned."""


@dataclass(frozen=True)
class OwnCounts:
    """The counts that one training note added to the lexicon, so that they can be subtracted again."""

    columns: np.ndarray
    """Its codes, int64, distinct."""
    annotated: bool
    """It has annotated spans."""
    spans: dict[str, tuple[np.ndarray, np.ndarray]]
    """For SPAN and WHOLE: rows and columns of what its spans counted, int64, distinct pairs."""


@dataclass(frozen=True)
class Lexicon:
    """Phrases with their counts for L codes over N training notes."""

    language: str
    index: PhraseIndex
    tables: dict[str, CountTable]
    """For each of TABLES; rows as in :mod:`model.lexicon.phrase_matches`. SPAN and WHOLE count annotated notes."""
    code_notes: np.ndarray
    """Training notes of each code, int64 (L,)."""
    notes: int

    @property
    def name(self) -> str:
        return "lexicon"

    def features(self, text: str) -> ChannelFeatures:
        """Features of every code that a phrase of the text points to; (C, F)."""
        return self.note_features(read_note(text, self.language))

    def rows(self, note: ReadNote) -> PhraseRows:
        """The rows of the phrases that stand in a note."""
        found = phrase_rows(self.index.find(note.words), note.contexts)
        check_budget()
        return found

    def note_features(self, note: ReadNote, own: OwnCounts | None = None) -> ChannelFeatures:
        """Features of the codes that the note's phrases point to; ``own`` subtracts the note's own counts, exactly."""
        return self.row_features(self.rows(note), own)

    def row_features(self, found: PhraseRows, own: OwnCounts | None = None) -> ChannelFeatures:
        """The same of the note's rows."""
        document, span, whole = (self.matches(table, found, own) for table in TABLES)
        columns, values = feature_table(document, span, whole, self.index.lengths, self.prior(own))
        return ChannelFeatures(columns, values, NAMES)

    def matches(self, name: str, found: PhraseRows, own: OwnCounts | None = None) -> PhraseMatches:
        """Matches of a note's rows in one table: precision = count / (notes + SHRINK), from FLOOR on."""
        table = self.tables[name]
        place, column, count = table.gather(found.row)
        row_notes = table.notes[found.row].astype(np.int64)
        if own is not None:
            count = count - _own_part(name, own, found, place, column)
            row_notes = row_notes - (found.own & (name == DOCUMENT or own.annotated))
        precision = count / (row_notes + SHRINK[name])[place]
        kept = np.flatnonzero(precision >= FLOOR[name])
        place = place[kept]
        return PhraseMatches(
            found.row[place],
            column[kept],
            count[kept],
            row_notes[place],
            precision[kept],
            found.own[place],
            found.historical[place],
        )

    def prior(self, own: OwnCounts | None = None) -> np.ndarray:
        """Share of the training notes with each code, at least one note's, (L,) float64."""
        code_notes, notes = self.code_notes, self.notes
        if own is not None:
            code_notes, notes = code_notes - np.isin(np.arange(len(code_notes)), own.columns), notes - 1
        prior: np.ndarray = np.maximum(code_notes, 1) / max(notes, 1)
        return prior


def _own_part(name: str, own: OwnCounts, found: PhraseRows, place: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Whether the note itself is among the count of each cell."""
    if name == DOCUMENT:
        return np.asarray(found.own[place] & np.isin(column, own.columns))
    rows, codes = own.spans[name]
    width = int(max(column.max(initial=0), codes.max(initial=0))) + 1
    return np.isin(found.row[place] * width + column, rows * width + codes)
