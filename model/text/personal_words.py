"""Finds the words of a note that name a person or a thing of one person, by shape and by a few short lists.

These words are learned nowhere as words, however many patients share them. It is no de-identification: a name in the
middle of a sentence is not recognised. What keeps such names out is the number of patients
(:mod:`training.ranking.patients`).
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from model.text.known_words import DEIDENTIFIED
from model.text.words import Words

_LABEL = re.compile(
    r"(?<![^\W\d_])(?<![^\W\d_][ \t])"  # "Brand name: aspirin" names nobody
    r"(?:(?:patient|first|last|family|full|maiden)(?:'s)?[ \t]{1,2}name|name|surname|nombre|apellidos?"
    r"|attending|(?:dictated|signed|seen|referred) by|provider|physician|surgeon|pcp|next of kin|m[eé]dico)"
    r"[ \t]{0,4}:",
    re.IGNORECASE,
)
"""Before a name; not "patient:", behind which a diagnosis may stand."""
_TITLE = re.compile(r"\b(?:Drs?|DRS?|Dra|Doctor|DOCTOR|Mr|MR|Mrs|MRS|Ms|Miss|Mister|Prof|Sra?|Srta|Don|Doña)\b\.?")
_DEGREE = re.compile(r",[ \t]{0,2}(?:M\.?D|D\.?O|R\.?N|N\.?P|P\.?A(?:-C)?|Ph\.?D)\b")
"""After a name."""
_NAME_WORD = re.compile(r"[ \t]{0,4}[,\"'(-]?[ \t]{0,4}([^\W\d_]{1,40}\.?(?:['’-][^\W\d_]{1,40}){0,3})")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w.-]{1,64}")
_DIGITS = 4
"""Digits of a word from which it is a date, a telephone number or a number of one person or stay: "b12" has two."""
MOST_WORDS = 4
"""Of a name, its initials among them."""


def personal_spans(text: str) -> list[tuple[int, int]]:
    """Offsets (start, end) of names and placeholders of de-identification, ascending; linear in the text."""
    return sorted([*name_spans(text), *(match.span() for match in DEIDENTIFIED.finditer(text))])


def name_spans(text: str) -> list[tuple[int, int]]:
    """Offsets of names and e-mail addresses, ascending; linear in the text."""
    spans = [match.span() for match in _MAIL.finditer(text)]
    for label in _LABEL.finditer(text):
        spans += _names_after(text, label.end())
    for title in _TITLE.finditer(text):
        spans += _names_after(text, title.end())
    for degree in _DEGREE.finditer(text):
        spans += _names_before(text, degree.start())
    return sorted(spans)


def _names_after(text: str, place: int) -> Iterator[tuple[int, int]]:
    """Up to MOST_WORDS words of the line that begin with a capital letter."""
    for _ in range(MOST_WORDS):
        word = _NAME_WORD.match(text, place)
        if word is None or not word[1][0].isupper():
            return
        yield word.span(1)
        place = word.end()


def _names_before(text: str, place: int) -> Iterator[tuple[int, int]]:
    """Words with a capital letter of the line, up to MOST_WORDS - 1, that end at a place."""
    line = text[max(0, place - 120) : place].rpartition("\n")[2]
    for word in reversed(list(re.finditer(r"[^\s,;:]{1,60}", line))[1 - MOST_WORDS :]):
        if not word[0][0].isupper():
            return
        yield place - len(line) + word.start(), place - len(line) + word.end()


def without_personal(text: str) -> str:
    """The text with blanks in place of its personal spans."""
    return replaced(text, personal_spans(text), " ")


def replaced(text: str, spans: Sequence[tuple[int, int]], by: str) -> str:
    """The text with ``by`` in place of ascending spans, which may overlap."""
    parts, at = [], 0
    for start, end in spans:
        if end > at:
            parts += [text[at : max(start, at)], by]
            at = end
    return "".join([*parts, text[at:]])


def personal_words(text: str, words: Words) -> np.ndarray:
    """Which words of the text are personal, by their place or by their digits, bool (T,)."""
    covered = np.zeros(len(text) + 1, dtype=np.int64)
    for start, end in personal_spans(text):
        covered[start] += 1
        covered[end] -= 1
    inside = np.cumsum(covered) > 0
    digits = np.array([sum(map(str.isdigit, word)) for word in words.plain], dtype=np.int64)
    personal: np.ndarray = inside[words.start] | (digits >= _DIGITS)
    return personal
