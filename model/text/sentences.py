"""Sentences of a note: phrases, assertions and alignments do not cross their ends.

A full stop before a blank ends one unless a small letter follows ("approx. three"), a semicolon does, and a line's
end does unless the line was wrapped at a fixed width, as discharge summaries are.
"""

import re

WRAPPED = 50
"""From this many characters a line that ends without a stop goes on in the next one; summaries are wrapped at 65 to
80 columns, headings and list items are shorter. Untuned."""
_STOP = re.compile(r"(?<![.!?])[.!?]++[\"')\]]*+(?=\s++[^\sa-zà-öø-ÿ])|;|\n++")
_ANSWER = re.compile(r"[ \t]{1,3}(?:yes|no|none|deni(?:es|ed)|never|negative|n|y|s[ií]|niega|nunca)\b", re.IGNORECASE)
"""After a question mark: an answer belongs to its question."""
_NEW_ITEM = re.compile(r"\s*(?:[-*#•·|☐☑☒□■]|\[[ _xX]?\]|\([-+ xX]\)|\(?\d{1,2}[.)]\s|[A-ZÀ-Þ][A-Za-zÀ-ÿ /&()]{2,40}:)")


def sentences(text: str) -> list[tuple[int, int]]:
    """Offsets (start, end) in code points, ascending, disjoint, without the blanks around; none of a blank text."""
    found: list[tuple[int, int]] = []
    start = 0
    for stop in _STOP.finditer(text):
        if stop[0].startswith("\n") and _wrapped(text, start, stop.start(), stop.end()):
            continue
        if stop[0] == "?" and _ANSWER.match(text, stop.end()):
            continue
        _add(found, text, start, stop.end())
        start = stop.end()
    _add(found, text, start, len(text))
    return found


def _wrapped(text: str, start: int, line_end: int, next_line: int) -> bool:
    """Whether the line that ends here goes on in the next."""
    line_start = text.rfind("\n", 0, line_end) + 1
    line = text[line_start:line_end].rstrip()
    if next_line - line_end > 1 or len(line) < WRAPPED or line.endswith((".", ":", "!", "?")) or "|" in line:
        return False
    return line_end > start and not _NEW_ITEM.match(text, next_line)


def _add(found: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    part = text[start:end]
    start, end = start + len(part) - len(part.lstrip()), start + len(part.rstrip())
    if start < end:
        found.append((start, end))
