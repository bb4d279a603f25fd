"""Assertion detection by the rules of ConText: which words are negated, about the family, historical or hypothetical.

The triggers of each sentence apply to the words that :mod:`model.text.trigger_ranges` says. What a note writes without
words is a trigger too: check boxes, signs, and the heading of a list.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from model.processor_budget import check_budget
from model.text.assertion import Assertion, Direction, Trigger
from model.text.assertion_triggers import triggers
from model.text.check_boxes import mark_matches
from model.text.open_lists import OpenLists
from model.text.sections import Section
from model.text.trigger_matches import TriggerMatch, find_triggers, without_contractions
from model.text.trigger_ranges import MOST_ITEM_WORDS, REACH, Range, Sentence
from model.text.words import Words
from model.text.written_words import WrittenWords

_PATIENT = frozenset(("patient", "pt", "paciente"))
_ARTICLES = frozenset(("the", "this", "el", "la"))
_PRONOUNS = frozenset(("he", "she"))
_REPORTS = frozenset(
    (word,) for word in ("denies", "denied", "denying", "deny", "negative", "neg", "niega", "negaba", "nego")
)
"""What begins lists of symptoms, in any form."""
_LONGEST_REACH = max(REACH.values())


def read_contexts(text: str, words: Words, sections: Sequence[Section] = (), language: str = "en") -> np.ndarray:
    """Bits of :class:`Assertion` for each word; a trigger's own words do not get its assertion.

    Shape:
        returns (T,) uint8.
    """
    bits = np.zeros(len(words), dtype=np.uint8)
    note = WrittenWords(text, words)
    for sentence in _sentences(note, language):
        _write(bits, sentence.ranges())
    for section in sections:
        if section.of_the_family:
            start, end = np.searchsorted(words.start, [section.start + len(section.name), section.end]).tolist()
            bits[start : _family_end(note, start, end)] |= np.uint8(Assertion.FAMILY)
    return bits


def _sentences(note: WrittenWords, language: str) -> Iterator[Sentence]:
    """The sentences that hold a trigger, a mark, or an item of a list whose heading is a trigger."""
    known = triggers(language)
    plain = without_contractions(note.words.plain)
    places = [place for place, word in enumerate(plain) if word in known]
    marks = mark_matches(note, known)
    edges = np.flatnonzero(np.diff(note.words.sentence, prepend=-1, append=-1)).tolist()
    listed, lists = _Listed((), 0), OpenLists(note.text)
    first = 0
    for start, end in pairwise(edges):
        check_budget()
        last = first
        while last < len(places) and places[last] < end:
            last += 1
        found = find_triggers(note, plain, places[first:last], start, end, known) if first < last else []
        first = last
        if start in marks:
            found = _with_marks(found, marks[start])
        goes_on = note.words.start[start] < listed.end and not (listed.is_item and _states(found))
        if goes_on:
            found = [TriggerMatch(Trigger((), Direction.FORWARD, each), start, start) for each in listed.said] + found
        if not any(match.trigger.assertion for match in found):
            continue
        sentence = Sentence(note, start, end, found)
        yield sentence
        listed = _list_behind(sentence, goes_on, lists) or listed


class _Listed(NamedTuple):
    """What is said of a list that goes on behind a sentence."""

    said: Sequence[Assertion]
    end: int
    """Offset in code points where the list ends."""
    is_item: bool = False
    """One item behind a semicolon, not the lines below a heading."""


def _list_behind(sentence: Sentence, goes_on: bool, lists: OpenLists) -> _Listed | None:
    """The lines below a heading, or the next item after a semicolon ("denies fever; cough")."""
    note, found = sentence.note, sentence.found
    after = int(note.words.end[sentence.end - 1])
    written = note.text[after : after + 2].strip()[:1]
    reports = goes_on or any(match.trigger.words[:1] in _REPORTS for match in found)
    if written == ";":
        is_item = reports and _is_item(note, sentence.end)
        return _Listed(sentence.open_assertions(), int(note.words.start[sentence.end]) + 1, True) if is_item else None
    heads = reports and found[-1].end == sentence.end
    if written != ":" and not (heads and written in ("", "-")):
        return None
    said = sentence.open_assertions()
    below = lists.below(after, needs_colon=not heads) if said else None
    return None if below is None else _Listed(said, below.end)


def _states(found: Sequence[TriggerMatch]) -> bool:
    """Whether a sentence says that something is there ("pneumonia was treated")."""
    return any(match.trigger.direction is Direction.LIST_END for match in found)


def _is_item(note: WrittenWords, place: int) -> bool:
    """Whether the sentence that begins at a place is as short as an item."""
    if place == len(note.words):
        return False
    last = min(place + MOST_ITEM_WORDS, len(note.words) - 1)
    return bool(note.words.sentence[last] != note.words.sentence[place] or last < place + MOST_ITEM_WORDS)


def _with_marks(found: Sequence[TriggerMatch], marks: Sequence[TriggerMatch]) -> list[TriggerMatch]:
    """Both in order; an empty box before something to do says nothing, and the letter of "[N]" its mark alone."""
    letters = {place for mark in marks for place in range(mark.start, mark.end)}
    found = [match for match in found if match.start not in letters]
    tasks = {match.start for match in found if match.trigger.direction is Direction.TASK}
    kept = [m for m in marks if m.start not in tasks or m.trigger.direction is not Direction.FORWARD]
    return sorted([*kept, *found], key=_order)


def _order(match: TriggerMatch) -> tuple[int, int, bool]:
    """An answer stands before the mark that gives it."""
    return match.start, match.end, match.trigger.direction is not Direction.ANSWER


def _write(bits: np.ndarray, ranges: Sequence[Range]) -> None:
    """Set the bits. Forward ranges ascend: what a long one has set is not set again, so that the cost is linear."""
    written = dict.fromkeys(REACH, 0)
    for each in ranges:
        start = each.start
        if each.end - start > _LONGEST_REACH:
            start, written[each.assertion] = max(start, written[each.assertion]), each.end
        bits[start : each.end] |= int(each.assertion)


def _family_end(note: WrittenWords, start: int, end: int) -> int:
    """Place in a family history, [start, end), of the first word of a sentence about the patient.

    That is one after the first that begins with "the patient", or a paragraph that begins with "he" or "she".
    """
    words, sentence = note.words.plain, note.words.sentence
    for place in range(start + 1, end):
        if sentence[place] == sentence[place - 1]:
            continue
        named = place + (words[place] in _ARTICLES)
        if named < end and words[named] in _PATIENT and not _possessive(note, named + 1):
            return place
        if words[place] in _PRONOUNS and note.gap(place).count("\n") > 1:
            return place
    return end


def _possessive(note: WrittenWords, place: int) -> bool:
    return place < len(note.words) and note.words.plain[place] == "s" and len(note.gap(place)) == 1
