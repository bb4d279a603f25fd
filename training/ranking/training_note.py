"""A training note as the lexicon is fitted on it: its words, codes and annotated spans."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from model.dataset import Document
from model.icd import Code
from model.text.read_note import ReadNote


@dataclass(frozen=True)
class WordSpan:
    """Words [start, end) of a note that stand for the code in a column."""

    column: int
    start: int
    end: int


@dataclass(frozen=True)
class TrainingNote:
    """A read note and what is known about it."""

    note: ReadNote
    columns: np.ndarray
    """Its codes, int64, distinct, ascending."""
    spans: tuple[WordSpan, ...]
    """Annotated spans that hold a word and whose code has a column."""


def training_note(document: Document, columns: Callable[[Iterable[Code]], np.ndarray], language: str) -> TrainingNote:
    """Read a document; a span gets every word that it touches.

    Args:
        columns: columns of codes, such as ``LabelSpace.columns``.
    """
    note = ReadNote(document.text, language)
    spans = []
    for span in document.evidence or ():
        first = int(np.searchsorted(note.words.end, span.start, side="right"))
        last = int(np.searchsorted(note.words.start, span.end, side="left"))
        known = columns([span.code])
        if first < last and len(known):
            spans.append(WordSpan(int(known[0]), first, last))
    return TrainingNote(note, columns(document.codes), tuple(spans))
