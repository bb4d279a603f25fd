"""Which words each trigger of a sentence applies to.

Harkema, Dowling, Thornblade & Chapman 2009, "ConText: an algorithm for determining negation, experiencer, and temporal
status from clinical reports", J Biomed Inform 42(5), section 3: a trigger applies up to the end of its sentence, to a
terminating phrase, or to the next trigger of the same kind, and to REACH words at most. A list goes on beyond REACH.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from model.text.assertion import Assertion, Direction, Trigger
from model.text.trigger_matches import TriggerMatch
from model.text.written_words import WrittenWords

REACH = {
    Assertion.NEGATED: 8,
    Assertion.FAMILY: 20,
    Assertion.HISTORICAL: 8,
    Assertion.HYPOTHETICAL: 8,
    Assertion.RESOLVED: 8,
}
"""Most words that a trigger applies to. NegEx (Chapman et al. 2001) uses 5; lists of symptoms are longer. Untuned."""
LISTED = Assertion.NEGATED | Assertion.HYPOTHETICAL
"""What is said of long lists: "denies", "return if you have"."""
MOST_ITEM_WORDS = 6
"""Of an item of a list that goes on beyond REACH; a longer one is a clause of its own; untuned."""
_ALL = tuple(REACH)
_NOT_FAMILY = tuple(assertion for assertion in REACH if assertion is not Assertion.FAMILY)
CONJUNCTIONS = frozenset(("and", "or", "nor", "y", "e", "o", "u", "ni"))


@dataclass(frozen=True, slots=True)
class Range:
    """Words [start, end) that an assertion is made of."""

    assertion: Assertion
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """The words [start, end) of a note and the triggers among them, from left to right."""

    note: WrittenWords
    start: int
    end: int
    found: Sequence[TriggerMatch]

    def ranges(self) -> list[Range]:
        """Of every trigger that applies to words; forward ones ascend by their start. Linear in the sentence."""
        ranges = []
        for match, stop, back_stop in zip(self.found, self._stops, self._back_stops(), strict=True):
            assertion = match.trigger.assertion
            if assertion is None:
                continue
            if match.trigger.direction is Direction.ANSWER:
                first = self.note.label_start(match.start, self.start)
                ranges.append(Range(assertion, max(first, back_stop), match.start))
            elif self._is_forward(match, stop):
                ranges.append(Range(assertion, match.end, self._reach(match.end, stop, assertion)))
            elif match.trigger.direction in (Direction.BACKWARD, Direction.EITHER):
                first = max(back_stop, match.start - REACH[assertion])
                ranges.append(Range(assertion, self.note.in_bracket(first, match.start), match.start))
        return ranges

    def open_assertions(self) -> list[Assertion]:
        """What is said of a list below the sentence: the forward triggers that hold at its end ("denies all of:")."""
        stated = max((m.end for m in self.found if m.trigger.direction is Direction.LIST_END), default=self.start)
        found: dict[Assertion, bool] = {}
        for match, stop in zip(self.found, self._stops, strict=True):
            assertion = match.trigger.assertion
            if assertion is not None and match.end >= stated and self._is_forward(match, stop):
                found[assertion] = self._reach(match.end, stop, assertion) == self.end or found.get(assertion, False)
        return [assertion for assertion, reaches in found.items() if reaches]

    def _is_forward(self, match: TriggerMatch, stop: int) -> bool:
        """A negation that begins its sentence applies to what follows ("Excluded: gout")."""
        direction = match.trigger.direction
        if direction is Direction.FORWARD:
            return True
        first = match.start == self.start and match.trigger.assertion is Assertion.NEGATED
        return (direction is Direction.EITHER and (stop > match.end or first)) or (
            direction is Direction.BACKWARD and first
        )

    def _reach(self, start: int, stop: int, assertion: Assertion) -> int:
        reach = start + REACH[assertion]
        if stop <= reach or assertion not in LISTED:
            return min(stop, reach)
        first = self._next_item[start - self.start]
        if first > reach:
            return reach
        return max(reach, min(stop, self._list_end[first - self.start]))

    @cached_property
    def _stops(self) -> list[int]:
        """Place of the first later trigger that ends the range of each one, were it a forward one."""
        next_end = dict.fromkeys(REACH, self.end)
        stops = []
        for match in reversed(self.found):
            stops.append(self.end if match.trigger.assertion is None else next_end[match.trigger.assertion])
            if match.trigger.direction is Direction.BACKWARD and match.trigger.assertion is not None:
                next_end[match.trigger.assertion] = match.start
            elif match.trigger.direction is Direction.END:
                next_end |= dict.fromkeys(_ended(match.trigger), match.start)
        return stops[::-1]

    def _back_stops(self) -> list[int]:
        """Place after the last earlier trigger that ends the range of each one, were it a backward one."""
        last_end = dict.fromkeys(REACH, self.start)
        stops = []
        for match in self.found:
            stops.append(self.start if match.trigger.assertion is None else last_end[match.trigger.assertion])
            if match.trigger.direction is Direction.END:
                last_end |= dict.fromkeys(_ended(match.trigger), match.end)
        return stops

    @cached_property
    def _items(self) -> list[int]:
        """Places of the sentence that begin an item of a list, its end last."""
        words = self.note.words.plain
        inside = range(self.start + 1, self.end)
        return [p for p in inside if words[p] in CONJUNCTIONS or self.note.parts_items(p)] + [self.end]

    @cached_property
    def _next_item(self) -> list[int]:
        """Place of the first item that begins after each place, by place from the sentence's start."""
        found: list[int] = []
        for item in self._items:
            found += [item] * (item - self.start - len(found))
        return [*found, self.end]

    @cached_property
    def _list_end(self) -> list[int]:
        """Where a list ends that reaches an item, by the item's place from the sentence's start."""
        breaks = {
            place
            for match in self.found
            if match.trigger.direction is Direction.LIST_END
            for place in range(match.start, match.end)
        }
        found = list(range(self.start, self.end + 1))
        for item, following in zip(self._items[-2::-1], self._items[:0:-1], strict=True):
            goes_on = following - item <= MOST_ITEM_WORDS and breaks.isdisjoint(range(item, following))
            if goes_on:
                found[item - self.start] = found[following - self.start]
        return found


def _ended(end: Trigger) -> tuple[Assertion, ...]:
    """What an end ends: family triggers only where another person is named."""
    return _ALL if end.assertion is Assertion.FAMILY else _NOT_FAMILY
