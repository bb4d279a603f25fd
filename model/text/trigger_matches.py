"""Finds the triggers of a sentence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model.text.assertion import Direction, Trigger
from model.text.written_words import WrittenWords

GAP = ".."
"""In a trigger: up to MOST_ADVERBS words that only qualify it."""
MOST_ADVERBS = 5
_QUALIFY = re.compile(
    "be|been|being|to|yet|have|with|certainty|confidence|able|se|puede|pueden|pueda|podemos|pudo|podia|podido|poder|que|"
    r"ser|es|fue|ha|han|hemos|sido|posible|logra|logro|permite|permiten|esta|por|completo|\w{1,20}(?:ly|mente)"
)
_NOTHING = frozenset(("none", "nil", "nope", "ninguno", "ninguna", "ningunos", "ningunas"))
_CONTRACTED = {f"{verb}n": verb for verb in ("is", "are", "was", "were", "does", "did", "do", "has", "have", "had")} | {
    f"{verb}n": verb for verb in ("could", "would", "should", "need", "might", "must")
}
_CONTRACTED |= {"can": "can", "won": "will", "ain": "is"}


@dataclass(frozen=True, slots=True)
class TriggerMatch:
    """A trigger and its place among the words of a note, end exclusive; a sign or a check box has no words."""

    trigger: Trigger
    start: int
    end: int


def without_contractions(words: Sequence[str]) -> Sequence[str]:
    """The words with "isn t" as "is not": "isn't" is two words of a note."""
    if "t" not in words:
        return words
    found = list(words)
    for place, word in enumerate(words):
        if word == "t" and place and words[place - 1] in _CONTRACTED:
            found[place - 1], found[place] = _CONTRACTED[words[place - 1]], "not"
    return found


def find_triggers(
    note: WrittenWords,
    words: Sequence[str],
    places: Iterable[int],
    start: int,
    end: int,
    known: dict[str, tuple[Trigger, ...]],
) -> list[TriggerMatch]:
    """Triggers of the sentence [start, end) from left to right, the longest at each place; they do not overlap.

    Args:
        words: those of the note, without contractions.
        places: of the sentence's words that a trigger starts with, ascending.
    """
    found: list[TriggerMatch] = []
    free = start
    for place in places:
        if place < free:
            continue
        for trigger in known[words[place]]:
            free = place + _length(trigger, words, place, end)
            if free == place or note.in_cells(place, free):
                continue
            if trigger.direction is not Direction.ANSWER or _answers(note, place, free, start, end):
                found.append(TriggerMatch(trigger, place, free))
                break
        else:
            free = place
    return found


def _answers(note: WrittenWords, place: int, after: int, start: int, end: int) -> bool:
    """Whether the words [place, after) answer a label: alone, or with a word that is no determiner ("none seen")."""
    if place == start or not note.follows_label(place):
        return False
    return note.words.plain[place] in _NOTHING or note.is_alone(after, end)


def _length(trigger: Trigger, words: Sequence[str], place: int, end: int) -> int:
    """How many words the trigger has at a place, 0 where it is not there."""
    at = place
    for wanted in trigger.words:
        if wanted == GAP:
            last = min(end, at + MOST_ADVERBS)
            while at < last and _QUALIFY.fullmatch(words[at]):
                at += 1
        elif at < end and words[at] == wanted:
            at += 1
        else:
            return 0
    return at - place
