"""Counts the phrases of training notes: how often each goes with a code, in the note and in annotated spans.

Anybody can read the counts. A phrase of several patients may be denied by a single one, and the row of the denied
phrase would list that patient's codes: so each row, too, must stand in the notes of several patients.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from model.lexicon.lexicon import DOCUMENT, FLOOR, SHRINK, SPAN, WHOLE, CountTable, Lexicon, OwnCounts, count_table
from model.lexicon.phrase_index import Occurrences, PhraseIndex
from model.lexicon.phrase_matches import rows_of
from model.progress import with_progress
from training.ranking.patients import patient_numbers
from training.ranking.phrase_choice import choose_phrases
from training.ranking.training_note import TrainingNote

BLOCK = 200_000
"""Pairs of a row and a note that are counted at once: memory."""


def fit_lexicon(notes: Sequence[TrainingNote], codes: int, language: str = "en", least: int | None = None) -> Lexicon:
    """Choose the phrases of training notes and count them.

    Args:
        codes: columns of the label space, L.
        least: see :func:`training.ranking.phrase_choice.choose_phrases`.
    """
    return count_phrases(choose_phrases(notes, least), notes, codes, language, least or 1)


def count_phrases(
    index: PhraseIndex, notes: Sequence[TrainingNote], codes: int, language: str = "en", least: int = 1
) -> Lexicon:
    """A lexicon of given phrases.

    Cells that cannot reach FLOOR, whichever note is left out, are dropped.

    Args:
        least: fewest patients of a row; others are not counted.
    """
    rows = [_rows(index, note) for note in with_progress(notes, "count", len(notes), "note")]
    width = 2 * len(index)
    several = _of_several(rows, notes, width, least)
    rows = [row[several[row]] for row in rows]
    row_notes = np.bincount(_joined(rows), minlength=width)
    annotated = [row for row, note in zip(rows, notes, strict=True) if note.spans]
    annotated_notes = np.bincount(_joined(annotated), minlength=width)
    cells = [_kept(span_cells(index, note), several) for note in notes]
    code_notes = np.bincount(_joined([n.columns for n in notes]), minlength=codes)
    tables = {
        DOCUMENT: _document_table(rows, notes, row_notes, codes),
        SPAN: _span_table(SPAN, [cell[SPAN] for cell in cells], annotated_notes, codes),
        WHOLE: _span_table(WHOLE, [cell[WHOLE] for cell in cells], annotated_notes, codes),
    }
    return Lexicon(language, index, tables, code_notes, len(notes))


def _of_several(rows: Sequence[np.ndarray], notes: Sequence[TrainingNote], width: int, least: int) -> np.ndarray:
    """Which rows stand in the notes of enough patients, bool (R,)."""
    patients = patient_numbers([note.subject for note in notes], [note.note.text for note in notes])
    counts = np.zeros(width, dtype=np.int64)
    order = np.argsort(patients, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(patients[order])) + 1):
        counts[np.unique(_joined([rows[place] for place in places.tolist()]))] += 1
    several: np.ndarray = counts >= least
    return several


def _kept(
    cells: dict[str, tuple[np.ndarray, np.ndarray]], several: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (rows[several[rows]], columns[several[rows]]) for name, (rows, columns) in cells.items()}


def own_counts(lexicon: Lexicon, note: TrainingNote) -> OwnCounts:
    """What the note added to the lexicon that was fitted with it."""
    return OwnCounts(note.columns, bool(note.spans), span_cells(lexicon.index, note))


def span_cells(index: PhraseIndex, note: TrainingNote) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Distinct rows and columns: of phrases inside an annotated span, and of those that are all of one."""
    occurrences = index.find(note.note.words)
    rows = rows_of(occurrences, note.note.contexts)
    inside, whole = set(), set()
    for span in note.spans:
        within = _within(occurrences, span.start, span.end)
        inside |= {(int(row), span.column) for row in rows[within]}
        all_of_it = within & (occurrences.length == span.end - span.start)
        whole |= {(int(row), span.column) for row in rows[all_of_it]}
    return {SPAN: _pairs(inside), WHOLE: _pairs(whole)}


def _within(occurrences: Occurrences, start: int, end: int) -> np.ndarray:
    within: np.ndarray = (occurrences.start >= start) & (occurrences.start + occurrences.length <= end)
    return within


def _pairs(cells: set[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays])


def _rows(index: PhraseIndex, note: TrainingNote) -> np.ndarray:
    return np.unique(rows_of(index.find(note.note.words), note.note.contexts))


def _document_table(
    rows: Sequence[np.ndarray], notes: Sequence[TrainingNote], row_notes: np.ndarray, codes: int
) -> CountTable:
    """Notes that have both the row and the code."""
    row = _joined(rows)
    note = np.repeat(np.arange(len(notes)), [len(r) for r in rows])
    order = np.argsort(row, kind="stable")
    row, note = row[order], note[order]
    sizes = np.array([len(n.columns) for n in notes], dtype=np.int64)
    first = np.cumsum(sizes) - sizes
    columns = _joined([n.columns for n in notes])
    parts = []
    for start, end in _blocks(row):
        own = sizes[note[start:end]]
        cell = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own) + np.repeat(first[note[start:end]], own)
        parts.append(_counted(DOCUMENT, np.repeat(row[start:end], own), columns[cell], row_notes, codes))
    return _table(parts, row_notes)


def _span_table(
    name: str, cells: Sequence[tuple[np.ndarray, np.ndarray]], row_notes: np.ndarray, codes: int
) -> CountTable:
    """Annotated notes in which the row stands for the code."""
    none = np.zeros(0, dtype=np.int64)
    rows, columns = (np.concatenate([none, *(cell[part] for cell in cells)]) for part in (0, 1))
    return _table([_counted(name, rows, columns, row_notes, codes)], row_notes)


Cells = tuple[np.ndarray, np.ndarray, np.ndarray]


def _counted(name: str, rows: np.ndarray, columns: np.ndarray, row_notes: np.ndarray, codes: int) -> Cells:
    """Row, column and count of each cell that may be evidence when any one note is left out."""
    cells, counts = np.unique(rows * codes + columns, return_counts=True)
    row, column = cells // max(codes, 1), cells % max(codes, 1)
    kept = counts >= FLOOR[name] * (row_notes[row] - 1 + SHRINK[name])
    return row[kept], column[kept], counts[kept]


def _blocks(row: np.ndarray) -> Iterator[tuple[int, int]]:
    """Slices of ascending rows, about BLOCK long, none of which parts a row."""
    start = 0
    while start < len(row):
        end = int(np.searchsorted(row, row[min(start + BLOCK, len(row)) - 1], side="right"))
        yield start, end
        start = end


def _table(parts: Sequence[Cells], row_notes: np.ndarray) -> CountTable:
    none = np.zeros(0, dtype=np.int64)
    rows, columns, counts = (np.concatenate([none, *(part[k] for part in parts)]) for k in range(3))
    return count_table(row_notes, rows, columns, counts)
