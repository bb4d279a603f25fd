"""Lists below a heading: the lines after "Denies:" are denied."""

import re
from dataclasses import dataclass

_BULLET = re.compile(r"[ \t]{0,20}(?:[-*•·▪◦+–]|\(?\d{1,2}[.)]|\[[ _xX]?\]|[☐□☑☒■])")
_HEADING = re.compile(r"[ \t]{0,20}[A-ZÁÉÍÓÚÑ][^\n:.,]{0,48}:")
MOST_ITEM = 60
"""Characters of an item without a bullet; a longer line is a sentence; untuned."""
_MOST_BLANK_LINES = 1
"""Between the heading and a list with bullets; untuned."""


_LINE_REST = re.compile(r"[^\S\n]*+([:-]?)[^\S\n]*+(?:\n|\Z)")


@dataclass(frozen=True)
class OpenList:
    """Lines below a heading, [start, end) in code points."""

    start: int
    end: int


class OpenLists:
    """The lists of one text. The end of a list is that of the lists below its items too, so no line is read for each
    heading before it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last = {True: OpenList(0, 0), False: OpenList(0, 0)}
        """The list that was read last, by whether it has bullets."""

    def below(self, heading_end: int, needs_colon: bool = True) -> OpenList | None:
        """The list below a heading whose last word ends at an offset; None where no colon or no list follows.

        Without a colon, where none is needed, the items of a list have bullets.

        Items have bullets or numbers, or are short lines. The list ends at a blank line, a heading, or a line of
        another kind.
        """
        text = self._text
        rest = _LINE_REST.match(text, heading_end)
        if rest is None or (needs_colon and rest[1] != ":"):
            return None
        start = first = rest.end()
        for _ in range(_MOST_BLANK_LINES):
            if first < len(text) and not text[first : _line_end(text, first)].strip():
                first = _line_end(text, first) + 1
        bulleted = _BULLET.match(text, first) is not None
        if not bulleted and (first != start or rest[1] != ":"):
            return None
        last = self._last[bulleted]
        end = last.end if last.start <= first < last.end else self._end(first, bulleted)
        if end <= first:
            return None
        self._last[bulleted] = OpenList(first, end)
        return self._last[bulleted]

    def _end(self, end: int, bulleted: bool) -> int:
        while end < len(self._text) and _goes_on(self._text, end, _line_end(self._text, end), bulleted):
            end = _line_end(self._text, end) + 1
        return end


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _goes_on(text: str, start: int, end: int, bulleted: bool) -> bool:
    line = text[start:end].strip()
    if not line or line.endswith(":"):
        return False
    if bulleted:
        return _BULLET.match(text, start) is not None
    return end - start <= MOST_ITEM and ". " not in line and _HEADING.match(text, start, end) is None
