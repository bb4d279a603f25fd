"""A note as the lexical channels and the evidence read it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from model.processor_budget import check_budget
from model.text.context import read_contexts
from model.text.note_form import plain_note
from model.text.personal_words import personal_words
from model.text.sections import Section, read_sections
from model.text.text_edits import PlainNote
from model.text.words import Words, read_words


@dataclass(frozen=True)
class ReadNote:
    """A text with its words, sections and assertions, each read once, when it is first needed.

    Reading raises InvalidOption and MissingInput as :func:`model.text.stemming.stem` does.
    """

    text: str
    """Plain, see :func:`model.text.note_form.plain_note`; offsets are into it."""
    language: str = "en"
    """Of the text: "en" or "es"."""
    form: PlainNote | None = None
    """Where the text came from; None where it was sent as it is."""

    def as_sent(self, start: int, end: int) -> tuple[int, int, str]:
        """Offsets into the text as sent of a span of the text, and what stands there."""
        if self.form is not None:
            start, end = self.form.as_sent(start, end)
        return start, end, (self.text if self.form is None else self.form.sent)[start:end]

    def as_read(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text that a part of the text as sent is; empty where nothing is left of it."""
        return (start, end) if self.form is None else self.form.as_read(start, end)

    @property
    def words(self) -> Words:
        """The words of the text, T of them. A name has no stem: "Mr. Parkinson" is no disease."""
        return self._words_and_names[0]

    @property
    def personal(self) -> np.ndarray:
        """Which words name a person or a thing of one person, bool (T,)."""
        return self._words_and_names[1]

    @cached_property
    def _words_and_names(self) -> tuple[Words, np.ndarray]:
        check_budget()
        words = read_words(self.text, self.language)
        personal = personal_words(self.text, words)
        stems = tuple("" if own else stem for stem, own in zip(words.stems, personal.tolist(), strict=True))
        return replace(words, stems=stems), personal

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The sections of the text in order."""
        return read_sections(self.text)

    @cached_property
    def contexts(self) -> np.ndarray:
        """Bits of :class:`model.text.assertion.Assertion` of each word, (T,) uint8."""
        check_budget()
        return read_contexts(self.text, self.words, self.sections, self.language)


def read_note(sent: str, language: str = "en") -> ReadNote:
    """The note that a text as sent is, in whatever form it came."""
    form = plain_note(sent)
    return ReadNote(form.text, language, form)
