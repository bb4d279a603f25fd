"""What a scope says about the words in it, and what opens one."""

from dataclasses import dataclass
from enum import Enum, IntFlag, auto


class Scope(IntFlag):
    """Bits of a word's context: a word may be in several scopes."""

    NEGATED = 1
    FAMILY = 2
    HISTORICAL = 4
    """It was, and may be still: coders code histories."""
    HYPOTHETICAL = 8
    RESOLVED = 16
    """It was, and the note says that it is over."""


UNSAID = Scope.NEGATED | Scope.FAMILY | Scope.HYPOTHETICAL | Scope.RESOLVED
"""A word in one of these is no mention of what the patient has."""


class Direction(Enum):
    """Where the words lie that a trigger speaks of."""

    FORWARD = auto()
    BACKWARD = auto()
    EITHER = auto()
    """Forward, or backward where no word follows."""
    PSEUDO = auto()
    """Nowhere: it looks like a trigger and is none ("no increase", "gram negative")."""
    END = auto()
    """It ends scopes of both directions."""


@dataclass(frozen=True)
class Trigger:
    """Words, lower case and without accents, that open or close a scope."""

    words: tuple[str, ...]
    direction: Direction
    scope: Scope | None
