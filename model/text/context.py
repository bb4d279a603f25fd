"""Assertion detection by the rules of ConText: which words are negated, about the family, historical or hypothetical.

Harkema, Dowling, Thornblade & Chapman 2009, "ConText: an algorithm for determining negation, experiencer, and temporal
status from clinical reports", J Biomed Inform 42(5), section 3: a trigger applies up to the end of its sentence, to a
terminating phrase, or to the next trigger of the same kind, and to REACH words at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.text.assertion import Assertion, Direction, Trigger
from model.text.assertion_triggers import triggers
from model.text.sections import Section
from model.text.words import Words

REACH = {
    Assertion.NEGATED: 8,
    Assertion.FAMILY: 20,
    Assertion.HISTORICAL: 8,
    Assertion.HYPOTHETICAL: 8,
    Assertion.RESOLVED: 8,
}
"""Most words that a trigger applies to. NegEx (Chapman et al. 2001) uses 5; lists of symptoms are longer. Untuned."""


@dataclass(frozen=True)
class _TriggerMatch:
    trigger: Trigger
    start: int
    end: int  # places of words, exclusive


def read_contexts(words: Words, sections: Sequence[Section] = (), language: str = "en") -> np.ndarray:
    """Bits of :class:`Assertion` for each word; a trigger's own words do not get its assertion.

    Shape:
        returns (T,) uint8.
    """
    bits = np.zeros(len(words), dtype=np.uint8)
    edges = np.flatnonzero(np.diff(words.sentence, prepend=-1, append=-1))
    known = triggers(language)
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        found = _find(words.plain, start, end, known)
        for index, trigger in enumerate(found):
            _mark(bits, found, index, trigger, start, end)
    for section in sections:
        if section.of_the_family:
            bits[(words.start >= section.start + len(section.name)) & (words.start < section.end)] |= np.uint8(
                Assertion.FAMILY
            )
    return bits


def _find(words: Sequence[str], start: int, end: int, known: dict[str, tuple[Trigger, ...]]) -> list[_TriggerMatch]:
    """Triggers of a sentence from left to right, the longest at each place."""
    found = []
    place = start
    while place < end:
        trigger = next((t for t in known.get(words[place], ()) if _matches(t, words, place, end)), None)
        if trigger is not None:
            found.append(_TriggerMatch(trigger, place, place + len(trigger.words)))
        place += len(trigger.words) if trigger else 1
    return found


def _matches(trigger: Trigger, words: Sequence[str], place: int, end: int) -> bool:
    stop = place + len(trigger.words)
    return stop <= end and tuple(words[place:stop]) == trigger.words


def _mark(bits: np.ndarray, found: list[_TriggerMatch], index: int, here: _TriggerMatch, start: int, end: int) -> None:
    """Set the bits of the words that one trigger applies to."""
    assertion = here.trigger.assertion
    if assertion is None or here.trigger.direction is Direction.END:
        return
    forward = here.trigger.direction is Direction.FORWARD
    if here.trigger.direction is Direction.EITHER:
        forward = _stop(found[index + 1 :], assertion, end) > here.end
    if forward:
        stop = min(_stop(found[index + 1 :], assertion, end), here.end + REACH[assertion])
        bits[here.end : stop] |= np.uint8(assertion)
    else:
        stop = max(_back_stop(found[:index], assertion, start), here.start - REACH[assertion])
        bits[stop : here.start] |= np.uint8(assertion)


def _stop(later: list[_TriggerMatch], assertion: Assertion, end: int) -> int:
    """Place of the first later trigger that ends the range of a forward one."""
    for other in later:
        backward = other.trigger.assertion is assertion and other.trigger.direction is Direction.BACKWARD
        if backward or _ends(other.trigger, assertion):
            return other.start
    return end


def _back_stop(earlier: list[_TriggerMatch], assertion: Assertion, start: int) -> int:
    """Place after the last earlier trigger that ends the range of a backward one."""
    for other in reversed(earlier):
        if _ends(other.trigger, assertion):
            return other.end
    return start


def _ends(trigger: Trigger, assertion: Assertion) -> bool:
    """Family triggers end only where another person is named."""
    ends = trigger.direction is Direction.END
    return ends and (assertion is not Assertion.FAMILY or trigger.assertion is Assertion.FAMILY)
