"""Check boxes and signs: "[ ] gout", "☒ gout", "[N] gout", "(-) gout", "gout (-)", "| gout | - |"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from model.text.assertion import Assertion, Direction, Trigger
from model.text.trigger_matches import TriggerMatch
from model.text.written_words import LONGEST_GAP, WrittenWords

_BRACKETS = re.compile(r"[\[({](?: {0,3}|[_xX+–—−-])[\])}]|\[[nNyY]\]")
_CELL = re.compile(r"(?<=\|)[ \t]{0,3}([+–—−-])[ \t]{0,3}(?=[|\n]|$)")
_BARE = re.compile(r"[+–−-](?:(?<!\S[+–−-])(?=[^\W\d_])|(?<=[\w:)\s][+–−-])(?=[ \t]{0,3}(?:[,;\n]|$)))")
_BOX = re.compile("[☐□☑☒■]")
_SIGNS = frozenset("+-–—−nNyY")
_EMPTY = frozenset(" _☐□-–—−nN")
_KINDS = frozenset(("[]", "()", "{}"))
_NO_MARKS = frozenset(("()", "(_)"))
_END = Trigger((), Direction.END, Assertion.FAMILY)


@dataclass(frozen=True)
class Mark:
    """A check box or a sign of a text."""

    start: int
    end: int
    """Offsets in code points, end exclusive."""
    is_sign: bool
    denied: bool
    """An empty box, or a minus."""


def read_marks(text: str) -> tuple[Mark, ...]:
    """The check boxes and signs of a text in order."""
    found = [_mark(match) for match in _BRACKETS.finditer(text) if _is_mark(match[0])]
    found += _bare_signs(text) + _signs_in_cells(text)
    boxes = [_mark(match) for match in _BOX.finditer(text)] if not text.isascii() else []
    return tuple(sorted(found + boxes, key=lambda mark: mark.start))


def _is_mark(written: str) -> bool:
    """Brackets of one kind, and between round ones a blank, an x or a sign."""
    return written[0] + written[-1] in _KINDS and written not in _NO_MARKS


def _mark(found: re.Match[str]) -> Mark:
    written = found[0] if len(found[0]) == 1 else found[0][1:-1].strip()
    return Mark(found.start(), found.end(), written in _SIGNS, not written or written in _EMPTY)


def _bare_signs(text: str) -> list[Mark]:
    """Signs without brackets, in lines with both ("+fever -chills", "fever +, chills -"): a dash may be a bullet."""
    signs = [_mark(match) for match in _BARE.finditer(text)] if "+" in text else []
    lines: list[list[Mark]] = []
    before = 0
    for sign in signs:
        if not lines or text.find("\n", before, sign.start) >= 0:
            lines.append([])
        lines[-1].append(sign)
        before = sign.start
    return [sign for line in lines if len({each.denied for each in line}) > 1 for sign in line]


def _signs_in_cells(text: str) -> list[Mark]:
    """Cells of tables that hold one sign, in notes with both: a minus alone may mean that nothing was written."""
    signs = [Mark(m.start(1), m.end(1), True, m[1] != "+") for m in _CELL.finditer(text)] if "|" in text else []
    return signs if len({sign.denied for sign in signs}) > 1 else []


def mark_matches(note: WrittenWords, known: Mapping[str, Sequence[Trigger]]) -> dict[int, list[TriggerMatch]]:
    """The marks of a text as triggers without words, by the first word of their sentence.

    An empty box, or a minus before a word, denies what follows; behind a word it denies the label before it. Of the
    boxes of an answer ("[ ] yes [x] no", "yes [ ] no [x]") the ticked one answers.
    """
    marks = read_marks(note.text) if len(note.words) else ()
    found: dict[int, list[TriggerMatch]] = {}
    sentences: dict[int, _Marked] = {}
    starts = np.searchsorted(note.words.start, [mark.start for mark in marks]).tolist()
    ends = np.searchsorted(note.words.start, [mark.end for mark in marks]).tolist()
    for mark, before, after in zip(marks, starts, ends, strict=True):
        behind = _is_behind(note, mark, before)
        start = note.sentence_start(before - 1 if behind else min(after, len(note.words) - 1))
        first = sentences.setdefault(start, _Marked(before, behind))
        found.setdefault(start, []).extend(_matches(note, mark, (before, after), behind, first, known))
    return found


class _Marked(NamedTuple):
    """The first mark of a sentence: the words before it, and whether it stands directly behind one."""

    words: int
    behind: bool


def _is_behind(note: WrittenWords, mark: Mark, before: int) -> bool:
    """Whether a mark follows a word directly or in the next cell ("gout (-)"), not a colon, a comma or a line's end."""
    start = int(note.words.end[before - 1]) if before else 0
    between = note.text[start : mark.start] if before and mark.start - start <= LONGEST_GAP else "\n"
    if "\n" in between:
        return False
    return not between.strip() or (between.strip() in (":", "|") and mark.is_sign and note.ends_line(mark.end))


def _matches(
    note: WrittenWords,
    mark: Mark,
    places: tuple[int, int],
    behind: bool,
    first: _Marked,
    known: Mapping[str, Sequence[Trigger]],
) -> list[TriggerMatch]:
    before, after = places
    matches = [TriggerMatch(_END, before, after)]
    answered = _answered(note, places, first, known) if not mark.is_sign else None
    if answered is not None:
        answer, label = answered
        if not mark.denied and answer.assertion is not None:
            matches.append(TriggerMatch(Trigger((), Direction.ANSWER, answer.assertion), label, label))
    elif mark.denied and behind and (first.behind if mark.is_sign else note.ends_line(mark.end)):
        matches.append(TriggerMatch(Trigger((), Direction.ANSWER, Assertion.NEGATED), before, before))
    elif mark.denied:
        matches.append(TriggerMatch(Trigger((), Direction.FORWARD, Assertion.NEGATED), after, after))
    return matches


def _answered(
    note: WrittenWords, places: tuple[int, int], first: _Marked, known: Mapping[str, Sequence[Trigger]]
) -> tuple[Trigger, int] | None:
    """The answer that a box belongs to, before it or behind it as that of the first box, and where its label ends."""
    before, after = places
    leads = _answer(note, first.words - 1, known)
    if first.behind and leads is not None:
        answer = _answer(note, before - 1, known)
        return None if answer is None else (answer, first.words - 1)
    answer = _answer(note, after, known)
    return None if answer is None else (answer, first.words)


def _answer(note: WrittenWords, place: int, known: Mapping[str, Sequence[Trigger]]) -> Trigger | None:
    """The answer that a word may be by itself."""
    triggers = known.get(note.words.plain[place], ()) if 0 <= place < len(note.words) else ()
    return next((t for t in triggers if t.direction is Direction.ANSWER and len(t.words) == 1), None)
