"""Lists below a heading: the lines after "Denies:" are denied."""

import re
from dataclasses import dataclass

_BULLET = re.compile(r"[ \t]{0,20}(?:[-*•·▪◦+–]|\(?\d{1,2}[.)]|\[[ _xX]?\]|[☐□☑☒■])")
_HEADING = re.compile(r"[ \t]{0,20}[A-ZÁÉÍÓÚÑ][^\n:.,]{0,48}:")
MOST_ITEM = 60
"""Characters of an item without a bullet; a longer line is a sentence; untuned."""
_MOST_BLANK_LINES = 1
"""Between the heading and a list with bullets; untuned."""


@dataclass(frozen=True)
class OpenList:
    """Lines below a heading, [start, end) in code points."""

    start: int
    end: int


def list_below(text: str, heading_end: int, needs_colon: bool = True) -> OpenList | None:
    """The list below a heading whose last word ends at an offset; None where no colon or no list follows.

    Without a colon, where none is needed, the items of a list have bullets.

    Items have bullets or numbers, or are short lines. The list ends at a blank line, a heading, or a line of another
    kind.
    """
    line_end = _line_end(text, heading_end)
    written = text[heading_end:line_end].strip()
    if written != ":" and (needs_colon or written not in ("", "-")):
        return None
    start = first = line_end + 1
    for _ in range(_MOST_BLANK_LINES):
        if first < len(text) and not text[first : _line_end(text, first)].strip():
            first = _line_end(text, first) + 1
    bulleted = _BULLET.match(text, first) is not None
    if not bulleted and (first != start or written != ":"):
        return None
    end = first
    while end < len(text) and _goes_on(text, end, _line_end(text, end), bulleted):
        end = _line_end(text, end) + 1
    return OpenList(first, end) if end > first else None


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
