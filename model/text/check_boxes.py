"""Check boxes and signs: "[ ] gout", "☒ gout", "(-) gout", "gout (-)"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.text.assertion import Assertion, Direction, Trigger
from model.text.trigger_matches import TriggerMatch
from model.text.written_words import WrittenWords

_BRACKETS = re.compile(r"[\[(][ _xX+–—−-]?[\])]")
_BOX = re.compile("[☐□☑☒■]")
_SIGNS = frozenset("+-–—−")
_EMPTY = frozenset(" _☐□-–—−")
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
    boxes = [_mark(match) for match in _BOX.finditer(text)] if not text.isascii() else []
    return tuple(sorted(found + boxes, key=lambda mark: mark.start) if boxes else found)


def _is_mark(written: str) -> bool:
    """Brackets of one kind, and between round ones a blank, an x or a sign."""
    return (written[0] == "[") == (written[-1] == "]") and written not in _NO_MARKS


def _mark(found: re.Match[str]) -> Mark:
    written = found[0] if len(found[0]) == 1 else found[0][1:-1]
    return Mark(found.start(), found.end(), written in _SIGNS, not written or written in _EMPTY)


def mark_matches(note: WrittenWords, known: Mapping[str, Sequence[Trigger]]) -> dict[int, list[TriggerMatch]]:
    """The marks of a text as triggers without words, by the first word of their sentence.

    An empty box, or a minus before a word, denies what follows; a minus behind a word denies the label before it. Of
    the boxes of an answer ("[ ] yes [x] no") the ticked one answers.
    """
    marks = read_marks(note.text)
    if not marks or not len(note.words):
        return {}
    after = np.searchsorted(note.words.start, [mark.end for mark in marks]).tolist()
    found: dict[int, list[TriggerMatch]] = {}
    signs_behind: dict[int, bool] = {}
    first_box: dict[int, int] = {}
    for mark, place in zip(marks, after, strict=True):
        behind = mark.is_sign and _behind(note, mark, place)
        start = note.sentence_start(place - 1 if behind or place == len(note.words) else place)
        behind = mark.is_sign and signs_behind.setdefault(start, behind)
        first_box.setdefault(start, place)
        found.setdefault(start, []).extend(_matches(note, mark, place, behind, first_box[start], known))
    return found


def _behind(note: WrittenWords, mark: Mark, place: int) -> bool:
    """Whether a sign follows a word directly ("gout (-)"), not a colon, a comma or a line's end."""
    between = note.text[int(note.words.end[place - 1]) : mark.start] if place else ""
    return between.isspace() and "\n" not in between


def _matches(
    note: WrittenWords,
    mark: Mark,
    place: int,
    behind: bool,
    first_box: int,
    known: Mapping[str, Sequence[Trigger]],
) -> list[TriggerMatch]:
    matches = [TriggerMatch(_END, place, place)]
    answer = None if mark.is_sign or place == len(note.words) else _answer(known.get(note.words.plain[place], ()))
    if answer is not None:
        if not mark.denied and answer.assertion is not None:
            matches.append(TriggerMatch(Trigger((), Direction.ANSWER, answer.assertion), first_box, first_box))
    elif mark.denied:
        direction = Direction.ANSWER if behind else Direction.FORWARD
        matches.append(TriggerMatch(Trigger((), direction, Assertion.NEGATED), place, place))
    return matches


def _answer(triggers: Sequence[Trigger]) -> Trigger | None:
    return next((t for t in triggers if t.direction is Direction.ANSWER and len(t.words) == 1), None)
