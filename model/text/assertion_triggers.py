"""The triggers of a language, read from ``trigger_lists/LANGUAGE.txt``.

The lists are those of NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009), shortened to what discharge
summaries and case reports use; the Spanish list is our own. A heading names the direction and the assertion
("[forward negated]", "[pseudo]", "[end]", "[end family]"). Phrases are separated by semicolons, in lower case, without
accents or punctuation; ".." in a phrase stands for up to three adverbs ("not .. excluded": "not yet fully excluded").
"""

from functools import cache
from pathlib import Path

from model.text.assertion import Assertion, Direction, Trigger

FOLDER = Path(__file__).parent / "trigger_lists"


@cache
def triggers(language: str) -> dict[str, tuple[Trigger, ...]]:
    """Triggers by their first word, the longest first, answers before others; none for a language without a list."""
    found: dict[str, list[Trigger]] = {}
    for trigger in _all(language):
        found.setdefault(trigger.words[0], []).append(trigger)
    return {first: tuple(sorted(group, key=_order)) for first, group in found.items()}


def _order(trigger: Trigger) -> tuple[int, bool]:
    return -len(trigger.words), trigger.direction is not Direction.ANSWER


def _all(language: str) -> list[Trigger]:
    path = FOLDER / f"{language}.txt"
    listed: list[Trigger] = []
    direction, assertion = Direction.END, None
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        if line.startswith("["):
            kind, _, name = line.strip("[]").partition(" ")
            direction, assertion = Direction[kind.upper()], Assertion[name.upper()] if name else None
        elif not line.startswith("#"):
            phrases = filter(None, (phrase.split() for phrase in line.split(";")))
            listed += [Trigger(tuple(words), direction, assertion) for words in phrases]
    return listed
