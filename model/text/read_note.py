"""A note as the lexical channels read it, once for all of them: words, their contexts, sections."""

from dataclasses import dataclass

import numpy as np

from model.text.context import read_contexts
from model.text.sections import Section, read_sections
from model.text.words import Words, read_words


@dataclass(frozen=True)
class ReadNote:
    """Words of a note and what their sentences say about them."""

    words: Words
    contexts: np.ndarray
    """(T,) uint8, bits of :class:`model.text.assertion.Assertion`."""
    sections: tuple[Section, ...]


def read_note(text: str, language: str = "en") -> ReadNote:
    """Read a note of a language ("en" or "es").

    Raises:
        InvalidOption, MissingInput: see :func:`model.text.stemming.stem`.
    """
    words, sections = read_words(text, language), read_sections(text)
    return ReadNote(words, read_contexts(words, sections, language), sections)
