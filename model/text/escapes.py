"""Line ends that were written as characters: a backslash and an n, and the formatting commands of HL7.

A backslash and an n is a line end in "aspirin.\\nPneumonia", and none in "C:\\notes" or "\\nu". A capital, a digit, a
blank or a sign behind it decides; before a small letter it counts where the text has no other line ends, or fewer.
"""

import re
from bisect import bisect_left

from model.text.text_edits import Edit

_ESCAPE = re.compile(r"\\{1,2}(?:r\\{1,2}n|[nrt])")
_HL7 = re.compile(
    r"(?P<slash>\\{1,2})(?:\.(?P<command>br|sp|ce|fi|nf|in|ti|sk)[+-]?\d{0,3}|X0[AD](?:0A)?)(?P=slash)", re.IGNORECASE
)
_LETTERS = re.compile(r"[A-Za-z]{1,20}")
_PATH = re.compile(r"[\"'(<\[]?(?:[A-Za-z]:\\|\\\\[\w.$-]{1,60}\\(?!\\))")
_COMMAND = re.compile(
    "nu|neq?|nabla|not|neg|ni|newline|newpage|noindent|nonumber|nleq|nmid|rho|right|rightarrow|rangle|rm|ref|real|tau|"
    "theta|times|text|textbf|textit|to|tanh?|tilde|top|the|triangle|tfrac"
)
"""Of LaTeX, such as Python's and R's plots leave in a text."""
_LONGEST_PATH = 200
_CERTAIN = 2
"""So many escapes before a capital, a digit, a blank or a sign make all escapes of a text without line ends certain."""


def read_escapes(text: str) -> list[Edit]:
    """Line ends and tabs in place of the escapes of a text; linear."""
    if "\\" not in text:
        return []
    hl7 = [Edit(m.start(), m.end(), "\n" if _ends_line(m) else " ") for m in _HL7.finditer(text)]
    taken = [edit.start for edit in hl7]
    escapes = [m for m in _ESCAPE.finditer(text) if not _inside(m.start(), hl7, taken)]
    lines = _line_ends(text, [m for m in escapes if m[0][-1] != "t"])
    tabs = [m for m in escapes if m[0][-1] == "t" and (lines or hl7) and (_is_clear(text, m) or _is_likely(text, m))]
    edits = [*hl7, *(Edit(m.start(), m.end(), "\n") for m in lines), *(Edit(m.start(), m.end(), "\t") for m in tabs)]
    return sorted(edits, key=lambda edit: edit.start)


def _ends_line(found: re.Match[str]) -> bool:
    return found["command"] is None or found["command"].lower() in ("br", "sp", "ce")


def _inside(place: int, edits: list[Edit], starts: list[int]) -> bool:
    before = bisect_left(starts, place + 1) - 1
    return before >= 0 and place < edits[before].end


def _line_ends(text: str, escapes: list[re.Match[str]]) -> list[re.Match[str]]:
    clear = [m for m in escapes if _is_clear(text, m)]
    real = text.count("\n")
    if not real and len(clear) >= _CERTAIN:
        return escapes
    likely = [m for m in escapes if _is_clear(text, m) or _is_likely(text, m)]
    return likely if len(likely) > real else clear


def _is_clear(text: str, escape: re.Match[str]) -> bool:
    return not text[escape.end() : escape.end() + 1].islower()


def _is_likely(text: str, escape: re.Match[str]) -> bool:
    """Neither a command of LaTeX nor part of a path."""
    letters = _LETTERS.match(text, text.rindex("\\", escape.start(), escape.end()) + 1)
    if letters is not None and _COMMAND.fullmatch(letters[0]):
        return False
    before = text[max(0, escape.start() - _LONGEST_PATH) : escape.end()]
    return _PATH.match(before.split()[-1]) is None
