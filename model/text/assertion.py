"""Assertions: what the words around a mention say about it, and the triggers that say it."""

from dataclasses import dataclass
from enum import Enum, IntFlag, auto


class Assertion(IntFlag):
    """Bits of a word's context; a word may have several."""

    NEGATED = 1
    FAMILY = 2
    """About a relative of the patient."""
    HISTORICAL = 4
    """In the past, and possibly still true: histories are coded."""
    HYPOTHETICAL = 8
    RESOLVED = 16
    """In the past, and stated to be over."""


NOT_PRESENT = Assertion.NEGATED | Assertion.FAMILY | Assertion.HYPOTHETICAL | Assertion.RESOLVED
"""A word with one of these is no mention of a condition that the patient has."""


class Direction(Enum):
    """Which words a trigger applies to."""

    FORWARD = auto()
    BACKWARD = auto()
    EITHER = auto()
    """The words after it, or the words before it where none follows."""
    ANSWER = auto()
    """The label before it, where it stands alone after a colon, a dash or in a cell ("Pneumonia: none")."""
    PSEUDO = auto()
    """None: the phrase only looks like a trigger ("no increase", "gram negative", "cannot be ruled out")."""
    END = auto()
    """None: it ends the range of other triggers in both directions."""
    LIST_END = auto()
    """None: no item with this word continues the list of another trigger ("no cough, fever, lungs clear")."""
    TASK = auto()
    """None: an empty check box before it is something to do, nothing that is absent."""


@dataclass(frozen=True)
class Trigger:
    """A phrase, lower case and without accents, that starts or ends an assertion."""

    words: tuple[str, ...]
    direction: Direction
    assertion: Assertion | None
