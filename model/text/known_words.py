"""Whether a text is a note of the kind that the coder learned from: the share of its words that training had.

A text in another language, or of de-identification tokens only, still gets an answer; it must not look sure.
"""

import re
from dataclasses import dataclass

DEIDENTIFIED = re.compile(r"\[\*\*.*?\*\*\]|_{2,}|[\[<][A-Z][A-Z0-9 _-]*[\]>]", re.DOTALL)
"""Placeholders: ``[**Known lastname 123**]`` (MIMIC-III), ``___`` (MIMIC-IV), ``[NAME]`` and ``<DATE>``."""
WORD = re.compile(r"[^\W\d_]{2,}")
LEAST_SHARE = 0.5
"""Of a note's words that training must know. CodiEsp: dev cases in the language of the training cases have 0.76 and
more, those in the other one 0.43 and less (docs/LOG.md)."""
LEAST_WORDS = 3
"""Known words below which nothing can be told."""


@dataclass(frozen=True)
class KnownWords:
    """The words of the training notes."""

    words: frozenset[str]
    """Case-folded, at least two letters each."""

    def doubt(self, text: str) -> str | None:
        """Why the text is no such note, in a sentence without its words; None where it is one."""
        words = words_of(text)
        known = sum(word in self.words for word in words)
        if known >= LEAST_WORDS and known >= LEAST_SHARE * len(words):
            return None
        return (
            f"{known} of the note's {len(words)} words are known from training: another language, or no note? "
            "No code is selected"
        )


def words_of(text: str) -> list[str]:
    """The words of a text in order, case-folded, without placeholders of de-identification."""
    return [word.casefold() for word in WORD.findall(DEIDENTIFIED.sub(" ", text))]
