"""Training notes for the lexical channels: words, codes and annotated spans."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from model.dataset import Document
from model.icd import Code
from model.text.read_note import ReadNote, read_note


@dataclass(frozen=True)
class WordSpan:
    """Words [start, end) of a note that stand for the code in a column."""

    column: int
    start: int
    end: int


@dataclass(frozen=True)
class TrainingNote:
    """A tokenised note with its codes and annotated spans."""

    note: ReadNote
    columns: np.ndarray
    """Its codes, int64, distinct, ascending."""
    spans: tuple[WordSpan, ...]
    """Annotated spans with at least one word and a code that has a column."""
    subject: str = ""
    """Its patient; "" for one of its own."""


def training_note(document: Document, columns: Callable[[Iterable[Code]], np.ndarray], language: str) -> TrainingNote:
    """Tokenise a document; a span covers every word that it overlaps.

    Args:
        columns: columns of codes, such as ``LabelSpace.columns``.
    """
    note = read_note(document.text, language)
    spans = []
    for span in document.evidence or ():
        start, end = note.as_read(span.start, span.end)
        first = int(np.searchsorted(note.words.end, start, side="right"))
        last = int(np.searchsorted(note.words.start, end, side="left"))
        known = columns([span.code])
        if first < last and len(known):
            spans.append(WordSpan(int(known[0]), first, last))
    return TrainingNote(note, columns(document.codes), tuple(spans), document.subject_id)
