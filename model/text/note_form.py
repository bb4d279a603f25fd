"""Reads the form that a note was sent in: line ends of any kind, escapes, HTML, or no line ends at all."""

import re
from collections.abc import Callable, Iterable

from model.processor_budget import check_budget
from model.text.escapes import read_escapes
from model.text.flat_lines import read_headings
from model.text.html_text import read_entities, read_hidden, read_tags
from model.text.text_edits import Edit, PlainNote

_LINE_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_LINE_END = re.compile(r"\r{1,2}\n|[\r\x0b\x0c\x85\u2028\u2029]")


def plain_note(text: str) -> PlainNote:
    """A note as it is read, with the place of each character in the text as sent; linear in the text.

    A note that is plain text already is read as it is. Escaped HTML ("&lt;br&gt;") is read as HTML.
    """
    note = PlainNote(text, text)
    for read in _STEPS:
        check_budget()
        note = note.edited(read(note.text))
    return note


def plain_texts(texts: Iterable[str]) -> list[str]:
    """The texts of notes as they are read."""
    return [plain_note(text).text for text in texts]


def read_line_ends(text: str) -> list[Edit]:
    """One line end in place of each CR, CR LF and other line or page end."""
    if not any(character in text for character in _LINE_ENDS):
        return []
    return [Edit(m.start(), m.end(), "\n") for m in _LINE_END.finditer(text)]


_STEPS: tuple[Callable[[str], list[Edit]], ...] = (
    read_escapes,
    read_entities,
    read_line_ends,
    read_hidden,
    read_tags,
    read_headings,
)
