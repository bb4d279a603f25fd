"""What a key may do; each scope stands for itself, none includes another."""

from enum import StrEnum

from model.errors import InvalidOption


class Scope(StrEnum):
    """What a key may do."""

    PREDICT = "predict"
    """Have notes coded."""
    NEIGHBOURS = "neighbours"
    """See which stored notes are similar, and their codes."""
    TEXT = "text"
    """See words of stored notes: snippets, and evidence in a stored note."""
    REVIEW = "review"
    """Accept, reject and correct suggestions; see what reviewers did, and the codes of the notes that they reviewed."""
    ADMIN = "admin"
    """Change what the service runs on."""


def parse_scopes(names: str) -> frozenset[Scope]:
    """The scopes of a list with commas.

    Raises:
        InvalidOption: an unknown one, or none.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    unknown = sorted(wanted - set(Scope))
    if unknown or not wanted:
        raise InvalidOption(f"--scopes names {unknown}: give some of {','.join(Scope)}")
    return frozenset(Scope(name) for name in wanted)


def write_scopes(scopes: frozenset[Scope]) -> str:
    """As the database keeps them: sorted, with commas."""
    return ",".join(sorted(scopes))
