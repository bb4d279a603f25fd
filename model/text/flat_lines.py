"""Line ends for text that lost them: a heading in the middle of a line begins a line of its own.

In a flat text, one without line ends of its own, that is each known heading, other words with capitals before a colon,
and bullets. In a line of any other text it is a known heading of a section, such as "Family History:", where the line
is longer than a wrapped one or begins with a heading itself.
"""

import re
from functools import cache
from pathlib import Path

from model.text.stemming import plain
from model.text.text_edits import Edit

PHRASES = Path(__file__).parent / "heading_phrases.txt"
FLAT = 300
"""Characters of a line, on average, from which a text is flat; summaries are wrapped at 65 to 80. Untuned."""
LONG_LINE = 120
"""Characters of a line that is longer than any wrapped one; untuned."""
LONGEST = 50
"""Characters of a heading."""
MOST_WORDS = 6
_CONNECTOR = re.compile("of|on|and|or|the|to|at|in|for|&|/|de|del|la|al|y")
_BULLET = re.compile(r"(?:(?<=\S[ \t])|(?<=\S[ \t]{2}))(?:[#•▪◦*](?=\s?\w)|-(?=\s\w))")
_BEFORE_HEADING = re.compile(r"[#•▪◦*-] ?$")
_FEWEST_BULLETS = 3
"""Of one kind in a flat text; fewer are no list; untuned."""
_WORD = re.compile(r"\S+")


def read_headings(text: str) -> list[Edit]:
    """A line end in place of the blank before each such heading, and each bullet of a flat text; linear."""
    breaks: set[int] = set()
    flat = len(text) >= FLAT * (text.count("\n") + 1) or "\n" not in text
    line_start = line_end = begins = place = 0
    headed = False
    while (colon := text.find(":", place)) >= 0:
        if colon >= line_end:
            line_start = text.rfind("\n", line_start, colon) + 1 or line_start
            line_end = len(text) if (found := text.find("\n", colon)) < 0 else found
            headed, begins = False, _first_word(text, line_start, colon)
        heading = None
        if flat or headed or line_end - line_start > LONG_LINE:
            heading = _heading_start(text, max(line_start, place, colon - LONGEST), colon, flat)
        if heading is not None and heading > begins:
            breaks.add(heading)
        headed = headed or colon - line_start <= LONGEST
        place = colon + 1
    if flat:
        breaks.update(_bullets(text))
    return [_break(text, start) for start in sorted(breaks)]


def _first_word(text: str, start: int, end: int) -> int:
    found = _WORD.search(text, start, end)
    return end if found is None else found.start()


def _break(text: str, start: int) -> Edit:
    return Edit(start - 1, start, "\n") if text[start - 1] in " \t" else Edit(start, start, "\n")


def _heading_start(text: str, start: int, colon: int, flat: bool) -> int | None:
    """Where the heading begins that ends at a colon, its bullet included, or None."""
    words = [(m.start() + start, m[0]) for m in _WORD.finditer(text[start:colon])][-MOST_WORDS:]
    if not words or text[colon - 1].isspace():
        return None
    found = _known(words, flat)
    if found is None and flat and text[colon + 1 : colon + 2].isspace():
        found = _capitals(words)
    if found is None:
        return None
    bullet = _BEFORE_HEADING.search(text, max(0, found - 2), found)
    return found if bullet is None else bullet.start()


def _known(words: list[tuple[int, str]], flat: bool) -> int | None:
    """Where the longest known heading begins that ends with the last word."""
    of_sections, of_flat_text = _phrases()
    for place, (offset, word) in enumerate(words):
        phrase = plain(" ".join(each for _, each in words[place:]))
        if word[0].isupper() and (phrase in of_sections or (flat and phrase in of_flat_text)):
            return offset
    return None


def _capitals(words: list[tuple[int, str]]) -> int | None:
    """Where the words with capitals before a colon begin; numbers, small words and the end of a sentence stop them."""
    start = None
    for offset, word in reversed(words):
        if word[0].isupper() and word[-1] not in ".,;)]":
            start = offset
        elif start is None or _CONNECTOR.fullmatch(word) is None:
            break
    return start


def _bullets(text: str) -> list[int]:
    found: dict[str, list[int]] = {}
    for match in _BULLET.finditer(text):
        found.setdefault(match[0], []).append(match.start())
    return [place for places in found.values() if len(places) >= _FEWEST_BULLETS for place in places]


@cache
def _phrases() -> tuple[frozenset[str], frozenset[str]]:
    """Headings of sections, and those that begin a line in flat text only."""
    listed: dict[str, set[str]] = {"section": set(), "flat": set()}
    kind = ""
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif not line.startswith("#"):
            listed[kind].update(phrase.strip() for phrase in line.split(";"))
    return frozenset(listed["section"]), frozenset(listed["flat"])
