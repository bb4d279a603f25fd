"""Raw code cells to codes in the one spelling: distinct, in their order, nothing lost silently."""

from collections.abc import Iterable

from model.icd import Code, normalise


def distinct_codes(codes: Iterable[Code]) -> tuple[Code, ...]:
    """The codes without repeats, in order of first appearance."""
    return tuple(dict.fromkeys(codes))


def normalised(system: str, raw: str) -> Code | None:
    """A code in the one spelling; None for a cell that holds only blanks and dots."""
    return normalise(system, raw) if raw.strip(" .\t\r\n") else None
