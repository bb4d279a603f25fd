"""The words of a text with what is written between them."""

import re
from dataclasses import dataclass

import numpy as np

from model.text.words import Words

_SOFT = re.compile(r"[,/]")
_HARD = re.compile(r"[:;|?=(\n\t]|\s[-–—]{1,2}\s|--|\s{3}")
_LABEL_ENDS = re.compile(r"\s*[)\]]?\s*(?:[:|=?(\[\t]|--|[-–—]>?(?=\s)|→|/(?=\s)|\.\.|\s\s)")
_ANSWER_ENDS = re.compile(r"\s*[.,;|)\]\n\t]|\s{3}")
_LINE_ENDS = re.compile(r"[ \t]{0,20}(?:[,;|\n]|$)")
LONGEST_GAP = 400
"""Characters between two words; what is longer parts them as a line's end does."""
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
        """What is written between a word and the one before it; the text's ends count as words.

        Of a gap beyond LONGEST_GAP its ends, with a line's end between them: several triggers may ask for it.
        """
        start = int(self.words.end[place - 1]) if place else 0
        end = int(self.words.start[place]) if place < len(self.words) else len(self.text)
        if end - start <= LONGEST_GAP:
            return self.text[start:end]
        return f"{self.text[start : start + LONGEST_GAP // 2]}\n{self.text[end - LONGEST_GAP // 2 : end]}"

    def sentence_start(self, place: int) -> int:
        """Place of the first word of a word's sentence."""
        return int(np.searchsorted(self.words.sentence, self.words.sentence[place]))

    def in_cells(self, place: int, after: int) -> bool:
        """Whether the words [place, after) stand in more than one cell of a table."""
        return after > place + 1 and "|" in self.text[int(self.words.end[place]) : int(self.words.start[after - 1])]

    def in_bracket(self, place: int, end: int) -> int:
        """First of the words [place, end) that is in the bracket of the last one; ``place`` where it is in none."""
        if place >= end:
            return place
        offset = int(self.words.start[place])
        written = self.text[offset : int(self.words.end[end - 1])]
        opens = written.rfind("(")
        if opens < 0 or ")" in written[opens:]:
            return place
        return int(np.searchsorted(self.words.start, offset + opens))

    def ends_line(self, offset: int) -> bool:
        """Whether nothing but a comma or a cell's end follows on the line."""
        return _LINE_ENDS.match(self.text, offset) is not None

    def follows_label(self, place: int) -> bool:
        """Whether a colon, a dash or a cell's end stands before a word."""
        gap = self.gap(place)
        return _LABEL_ENDS.match(gap) is not None and ("-" not in gap or gap[0].isspace() or "--" in gap)

    def is_alone(self, place: int, end: int) -> bool:
        """Whether what ends before a word ends its sentence, item or cell, or the label of the next item follows."""
        return place == end or _ANSWER_ENDS.match(self.gap(place)) is not None or self._label_follows(place, end)

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
