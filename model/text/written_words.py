"""The words of a text with what is written between them."""

import re
from dataclasses import dataclass

import numpy as np

from model.text.words import Words

_SOFT = re.compile(r"[,/]")
_HARD = re.compile(r"[:;|?=(\n\t]|\s[-–—]{1,2}\s|--|\s{3}")
_LABEL_ENDS = re.compile(r"\s*[)\]]?\s*(?:[:|=?(\t]|--|[-–—](?=\s)|\s\s)")
_ANSWER_ENDS = re.compile(r"\s*[.,;|)\]\n\t]|\s{3}")
MOST_LABEL_WORDS = 8
"""Words of a label that an answer or a sign after it applies to; untuned."""
_NEXT_LABEL = 4
"""Words from an answer to the colon of the label that follows it at once ("Fever: no Cough: no"); untuned."""


@dataclass(frozen=True)
class WrittenWords:
    """A text and its words."""

    text: str
    words: Words

    def gap(self, place: int) -> str:
        """What is written between a word and the one before it; the text's ends count as words."""
        start = int(self.words.end[place - 1]) if place else 0
        return self.text[start : int(self.words.start[place]) if place < len(self.words) else len(self.text)]

    def sentence_start(self, place: int) -> int:
        """Place of the first word of a word's sentence."""
        return int(np.searchsorted(self.words.sentence, self.words.sentence[place]))

    def in_cells(self, place: int, after: int) -> bool:
        """Whether the words [place, after) stand in more than one cell of a table."""
        return after > place + 1 and "|" in self.text[int(self.words.end[place]) : int(self.words.start[after - 1])]

    def is_answer(self, place: int, after: int, start: int, end: int) -> bool:
        """Whether the words [place, after) stand alone behind a label of the sentence [start, end)."""
        if place == start:
            return False
        gap = self.gap(place)
        label = _LABEL_ENDS.match(gap)
        if label is None or ("-" in gap and not gap[0].isspace() and "--" not in gap):
            return False
        return after == end or _ANSWER_ENDS.match(self.gap(after)) is not None or self._label_follows(after, end)

    def _label_follows(self, place: int, end: int) -> bool:
        for word in range(place + 1, min(place + 1 + _NEXT_LABEL, end)):
            gap = self.gap(word)
            if gap.startswith(":"):
                return True
            if not gap.isspace():
                return False
        return False

    def label_start(self, place: int, start: int) -> int:
        """Place of the first word of the label whose last word stands before ``place``, in a sentence from ``start``.

        A label goes back to a colon, a cell, a line or the sentence's start; after a colon it starts behind a comma,
        since an answer stands between the two ("COPD: yes, asthma: no").
        """
        nearest = farthest = first = None
        for word in range(place - 1, max(start, place - MOST_LABEL_WORDS) - 1, -1):
            first = word
            if word == start:
                return start
            gap = self.gap(word)
            if _HARD.search(gap):
                return word if farthest is None or ":" not in gap else farthest
            if "," in gap:
                farthest = word
                nearest = word if nearest is None else nearest
        return place if first is None else first if nearest is None else nearest

    def parts_items(self, place: int) -> bool:
        """Whether a comma, a slash, a dash or a line's end stands before a word."""
        gap = self.gap(place)
        return (not gap.isspace() and (_SOFT.search(gap) is not None or _HARD.search(gap) is not None)) or "\n" in gap
