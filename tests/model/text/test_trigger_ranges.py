"""The words of a trigger, against the rules written out in loops."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.text.assertion import Assertion, Direction, Trigger
from model.text.trigger_matches import TriggerMatch
from model.text.trigger_ranges import CONJUNCTIONS, LISTED, MOST_ITEM_WORDS, REACH, Range, Sentence
from model.text.words import read_words
from model.text.written_words import WrittenWords

DIRECTIONS = st.sampled_from([d for d in Direction if d is not Direction.ANSWER])
WORDS = st.sampled_from(["gout", "gout,", "fever", "or", "cough/", "and"])


@st.composite
def written(draw: st.DrawFn) -> Sentence:
    text = " ".join(draw(st.lists(WORDS, min_size=1, max_size=60)))
    words = read_words(text)
    found, place = [], 0
    while place < len(words):
        place += draw(st.integers(0, 12))
        size = draw(st.integers(0, 2))
        if place + size <= len(words):
            assertion = draw(st.sampled_from([None, *Assertion]))
            found.append(TriggerMatch(Trigger((), draw(DIRECTIONS), assertion), place, place + size))
        place += max(1, size)
    return Sentence(WrittenWords(text, words), 0, len(words), found)


def ends(match: TriggerMatch, assertion: Assertion) -> bool:
    named = assertion is not Assertion.FAMILY or match.trigger.assertion is Assertion.FAMILY
    return match.trigger.direction is Direction.END and named


def list_end(sentence: Sentence, start: int) -> int:
    """Where a list that starts at a place ends: item after item as long as each is short and is no statement."""
    words = sentence.note.words
    breaks = [m for m in sentence.found if m.trigger.direction is Direction.LIST_END]
    items = [p for p in range(1, len(words)) if words.plain[p] in CONJUNCTIONS or sentence.note.gap(p).strip()]
    items = [p for p in items if p > start] + [len(words)]
    if items[0] > start + 8:
        return start + 8
    for item, following in pairwise(items):
        stated = any(m.start < following and m.end > item for m in breaks)
        if following - item > MOST_ITEM_WORDS or stated:
            return item
    return items[-1]


def slow_ranges(sentence: Sentence) -> list[Range]:
    found = []
    for index, match in enumerate(sentence.found):
        assertion, direction = match.trigger.assertion, match.trigger.direction
        if assertion is None:
            continue
        later, earlier = sentence.found[index + 1 :], sentence.found[:index]
        stop = sentence.end
        for other in reversed(later):
            opposite = other.trigger.direction is Direction.BACKWARD and other.trigger.assertion is assertion
            if opposite or ends(other, assertion):
                stop = other.start
        back = max([0, *(other.end for other in earlier if ends(other, assertion))])
        first = match.start == 0 and assertion is Assertion.NEGATED
        turned = direction in (Direction.BACKWARD, Direction.EITHER) and first
        if direction is Direction.FORWARD or turned or (direction is Direction.EITHER and stop > match.end):
            reach = match.end + REACH[assertion]
            if assertion in LISTED:
                reach = max(reach, list_end(sentence, match.end))
            found.append(Range(assertion, match.end, min(stop, reach)))
        elif direction in (Direction.BACKWARD, Direction.EITHER):
            found.append(Range(assertion, max(back, match.start - REACH[assertion]), match.start))
    return found


@given(written())
def test_ranges_are_those_of_the_rules_in_loops(sentence: Sentence) -> None:
    """For any triggers in any order, with lists and without."""
    assert sentence.ranges() == slow_ranges(sentence)
