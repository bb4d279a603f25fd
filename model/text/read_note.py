"""A note as the lexical channels and the evidence read it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.text.context import read_contexts
from model.text.sections import Section, read_sections
from model.text.words import Words, read_words


@dataclass(frozen=True)
class ReadNote:
    """A text with its words, sections and assertions, each read once, when it is first needed.

    Reading raises InvalidOption and MissingInput as :func:`model.text.stemming.stem` does.
    """

    text: str
    language: str = "en"
    """Of the text: "en" or "es"."""

    @cached_property
    def words(self) -> Words:
        """The words of the text, T of them."""
        return read_words(self.text, self.language)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The sections of the text in order."""
        return read_sections(self.text)

    @cached_property
    def contexts(self) -> np.ndarray:
        """Bits of :class:`model.text.assertion.Assertion` of each word, (T,) uint8."""
        return read_contexts(self.text, self.words, self.sections, self.language)
