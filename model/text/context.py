"""Which words of a note are negated, of the family, historical or hypothetical: the rules of ConText.

Harkema, Dowling, Thornblade & Chapman 2009, "ConText: an algorithm for determining negation, experiencer, and temporal
status from clinical reports", J Biomed Inform 42(5), section 3: a trigger's scope runs to the end of its sentence, to a
word that ends it, or to the next trigger of the same kind. Windows as in NegEx (Chapman et al. 2001), but wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.text.assertion import Direction, Scope, Trigger
from model.text.assertion_triggers import triggers
from model.text.sections import Section
from model.text.words import Words

REACH = {Scope.NEGATED: 8, Scope.FAMILY: 20, Scope.HISTORICAL: 8, Scope.HYPOTHETICAL: 8, Scope.RESOLVED: 8}
"""Words that a scope holds at most; NegEx has 5, lists of symptoms are longer. Untuned."""


@dataclass(frozen=True)
class _Found:
    trigger: Trigger
    start: int
    end: int  # places of words, exclusive


def read_contexts(words: Words, sections: Sequence[Section] = (), language: str = "en") -> np.ndarray:
    """Bits of :class:`Scope` for each word; a trigger's own words have none of its scope.

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
                Scope.FAMILY
            )
    return bits


def _find(words: Sequence[str], start: int, end: int, known: dict[str, tuple[Trigger, ...]]) -> list[_Found]:
    """Triggers of a sentence from left to right, the longest at each place."""
    found = []
    place = start
    while place < end:
        trigger = next((t for t in known.get(words[place], ()) if _matches(t, words, place, end)), None)
        if trigger is not None:
            found.append(_Found(trigger, place, place + len(trigger.words)))
        place += len(trigger.words) if trigger else 1
    return found


def _matches(trigger: Trigger, words: Sequence[str], place: int, end: int) -> bool:
    stop = place + len(trigger.words)
    return stop <= end and tuple(words[place:stop]) == trigger.words


def _mark(bits: np.ndarray, found: list[_Found], index: int, here: _Found, start: int, end: int) -> None:
    """Set the bits of one trigger's scope."""
    scope = here.trigger.scope
    if scope is None or here.trigger.direction is Direction.END:
        return
    forward = here.trigger.direction is Direction.FORWARD
    if here.trigger.direction is Direction.EITHER:
        forward = _stop(found[index + 1 :], scope, end) > here.end
    if forward:
        stop = min(_stop(found[index + 1 :], scope, end), here.end + REACH[scope])
        bits[here.end : stop] |= np.uint8(scope)
    else:
        stop = max(_back_stop(found[:index], scope, start), here.start - REACH[scope])
        bits[stop : here.start] |= np.uint8(scope)


def _stop(later: list[_Found], scope: Scope, end: int) -> int:
    """Place of the first later trigger that ends a forward scope."""
    for other in later:
        backward = other.trigger.scope is scope and other.trigger.direction is Direction.BACKWARD
        if backward or _ends(other.trigger, scope):
            return other.start
    return end


def _back_stop(earlier: list[_Found], scope: Scope, start: int) -> int:
    """Place after the last earlier trigger that ends a backward scope."""
    for other in reversed(earlier):
        if _ends(other.trigger, scope):
            return other.end
    return start


def _ends(trigger: Trigger, scope: Scope) -> bool:
    """A scope of the family goes on until somebody else is named."""
    ends = trigger.direction is Direction.END
    return ends and (scope is not Scope.FAMILY or trigger.scope is Scope.FAMILY)
