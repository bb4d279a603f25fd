"""What the phrases of a note say about codes, learned from training notes.

A phrase is one to four stems of one sentence, or a whole annotated span. For each the lexicon knows how many training
notes say it, how many of them carry a code (document level), and in how many it stands for the code (inside an
annotated span; being all of it). A phrase in a negated, family or hypothetical scope is a phrase of its own.
"""

from dataclasses import dataclass

import numpy as np

from model.candidates import ChannelFeatures
from model.lexicon.count_table import CountTable
from model.lexicon.lexicon_features import NAMES, feature_table
from model.lexicon.phrase_index import PhraseIndex
from model.lexicon.phrase_matches import PhraseMatches
from model.lexicon.phrase_rows import PhraseRows, phrase_rows
from model.text.read_note import ReadNote

DOCUMENT, SPAN, WHOLE = "document", "span", "whole"
TABLES = (DOCUMENT, SPAN, WHOLE)
SHRINK = {DOCUMENT: 2.0, SPAN: 1.0, WHOLE: 1.0}
"""Notes without the code that are added to a phrase's notes, for a phrase that was seen once proves little; from an
exploration on CodiEsp's training and development cases."""
FLOOR = {DOCUMENT: 0.02, SPAN: 0.01, WHOLE: 0.01}
"""Precisions below it are no evidence; untuned."""


@dataclass(frozen=True)
class OwnCounts:
    """What one training note added to the lexicon, so that it can be left out of it again."""

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
    """For each of TABLES; rows as in :mod:`model.lexicon.phrase_rows`. Notes of SPAN and WHOLE are annotated ones."""
    code_notes: np.ndarray
    """Training notes of each code, int64 (L,)."""
    notes: int

    @property
    def name(self) -> str:
        return "lexicon"

    def features(self, text: str) -> ChannelFeatures:
        """Features of every code that a phrase of the text points to; (C, F)."""
        return self.note_features(ReadNote(text, self.language))

    def note_features(self, note: ReadNote, own: OwnCounts | None = None) -> ChannelFeatures:
        """The same of a note that was read; ``own`` leaves the note itself out of the counts, exactly."""
        found = phrase_rows(self.index.find(note.words), note.contexts)
        document, span, whole = (self.matches(table, found, own) for table in TABLES)
        columns, values = feature_table(document, span, whole, self.index.lengths, self.prior(own))
        return ChannelFeatures(columns, values, NAMES)

    def matches(self, name: str, found: PhraseRows, own: OwnCounts | None = None) -> PhraseMatches:
        """What a table says about a note's rows: precision = count / (notes + SHRINK), from FLOOR on."""
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
