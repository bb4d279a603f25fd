"""The codes of a bundle as the tree that their spelling makes: a code lies beneath every code that it begins with."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from model.errors import InvalidOption
from model.icd import SYSTEMS, Code, add_dot, category_length, readings
from model.labels import LabelSpace

LAST = "\uffff"
"""Sorts behind every character of a code."""
SEEN_AT = "see GET /v1/codes"


@dataclass(frozen=True)
class _Shelf:
    """The codes of one system without dots, sorted, with their columns."""

    spelled: list[str]
    columns: np.ndarray


@dataclass(frozen=True)
class CodeTree:
    """Subtrees of the codes that a coder can answer with, U of them.

    The roots are categories such as I21, 401, E888 or 00; "I2" is none, and no subtree. Labels that are no ICD codes
    have nothing above or beneath them.
    """

    codes: LabelSpace
    _shelves: dict[str, _Shelf] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # At once: of 98,000 codes it takes 0.2 s, for which no request should hold the event loop.
        object.__setattr__(self, "_shelves", _shelves(self.codes))

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """Systems of which there are codes."""
        return (*self._icd, *sorted(self._shelves.keys() - set(SYSTEMS)))

    @cached_property
    def _icd(self) -> tuple[str, ...]:
        return tuple(system for system in SYSTEMS if system in self._shelves)

    def beneath(self, node: Code) -> np.ndarray:
        """Columns of a code, where there is one, and of all beneath it, in the order of the codes, int64."""
        shelf = self._shelves.get(node.system)
        if shelf is None or node.system not in SYSTEMS:
            return self.codes.columns([node])
        prefix = _undotted(node.code)
        return shelf.columns[bisect_left(shelf.spelled, prefix) : bisect_left(shelf.spelled, prefix + LAST)]

    def category(self, code: Code) -> Code:
        """The category of a code, which may be none of the codes; a label is its own."""
        if code.system not in SYSTEMS:
            return code
        return _dotted(code.system, _undotted(code.code)[: category_length(*code)])

    def children(self, code: Code) -> list[Code]:
        """The codes right beneath a code, in their order."""
        if code.system not in SYSTEMS:
            return []
        below = [self.codes[column].key for column in self.beneath(code).tolist()]
        return [each for each in below if self.parent(each) == code]

    def parent(self, code: Code) -> Code | None:
        """The nearest code or category above; None of a category or label."""
        if code.system not in SYSTEMS:
            return None
        spelled, least = _undotted(code.code), category_length(code.system, code.code)
        for length in range(len(spelled) - 1, least, -1):
            above = _dotted(code.system, spelled[:length])
            if self.codes.column(above) is not None:
                return above
        return _dotted(code.system, spelled[:least]) if len(spelled) > least else None

    def subtree(self, written: str) -> Code:
        """The root of a subtree as a user writes it: "I21", "i21.4", or "icd10cm:I21".

        Raises:
            InvalidOption: no category or code, beneath it is no code, or it is found in several systems.
        """
        prefix, _, code = written.rpartition(":")
        systems = [prefix] if prefix else self._icd
        if not systems:
            raise InvalidOption(f"'{written}' is no subtree: the labels of this bundle are no ICD codes, and have none")
        whole = list(readings(systems, code))
        if not whole:
            raise InvalidOption(
                f"'{written}' is no category or code of {' or '.join(systems)}: name a whole one such as I21 or I21.4, "
                "its dot left out or in its place"
            )
        found = [node for node in whole if self.beneath(node).size]
        return self._only(written, found, f"the bundle has no code under '{written}': {SEEN_AT}")

    def code(self, written: str, system: str | None) -> Code:
        """An assigned code in the one spelling; of a named system it may be one that the bundle lacks.

        Raises:
            InvalidOption: it is no code of the system that is named, or no system is named, and none or several have
                the code.
        """
        if system is not None:
            code = next(readings([system], written), None)
            if code is None:
                raise InvalidOption(
                    f"'{written.strip()}' is no code of {system}: write its dot where {system} has it or leave it out, "
                    "or name the system that it is of"
                )
            return code
        found = [code for code in readings(self._icd, written) if self.codes.column(code) is not None]
        return self._only(written, found, f"the bundle has no code '{written}': name its system, or {SEEN_AT}")

    def why_lacking(self, code: Code) -> str:
        """What the bundle has instead of a code that it lacks, such as those into which it was subdivided."""
        below = self.beneath(code)
        if not below.size:
            return "neither the training notes nor the tables of the bundle have the code"
        first = self.codes[int(below[0])]
        return (
            f"the bundle has no such code, but {below.size} beneath it, such as {first.code} "
            f"({first.title or 'no title'}): it is a category, or was valid until it was subdivided"
        )

    def allowed(
        self, systems: Sequence[str] | None, include: Iterable[str] = (), exclude: Iterable[str] = ()
    ) -> np.ndarray | None:
        """Which columns some systems and subtrees leave, bool (U,); None where nothing is asked.

        Args:
            systems: None for all.
            include: subtrees, of which a code must be in one; none for all.
            exclude: subtrees, of which a code must be in none.

        Raises:
            InvalidOption: as :meth:`subtree`, or the bundle has no code of a system.
        """
        wanted, without = list(include), list(exclude)
        if systems is None and not wanted and not without:
            return None
        kept = np.zeros(len(self.codes), dtype=bool)
        for node in map(self.subtree, wanted):
            kept[self.beneath(node)] = True
        kept |= not wanted
        for node in map(self.subtree, without):
            kept[self.beneath(node)] = False
        return kept if systems is None else kept & self._of_systems(systems)

    def _of_systems(self, systems: Sequence[str]) -> np.ndarray:
        found = np.zeros(len(self.codes), dtype=bool)
        for system in systems:
            if system not in self._shelves:
                raise InvalidOption(f"the bundle has no code of {system}: choose some of {', '.join(self.systems)}")
            found[self._shelves[system].columns] = True
        return found

    def _only(self, written: str, found: list[Code], none: str) -> Code:
        """The one code that is meant: "401" is hypertension and not the procedure 40.1, whose dot it lacks."""
        if not found:
            raise InvalidOption(none)
        found = [node for node in found if node.code == written.upper()] or found
        if len(found) > 1:
            systems = [node.system for node in found]
            raise InvalidOption(f"'{written}' is in {' and '.join(systems)}: name the system, as in {systems[0]}")
        return found[0]


def _shelves(codes: LabelSpace) -> dict[str, _Shelf]:
    by_system: dict[str, list[tuple[str, int]]] = {}
    for column, label in enumerate(codes.labels):
        by_system.setdefault(label.system, []).append((_undotted(label.code), column))
    return {
        system: _Shelf([spelled for spelled, _ in rows], np.array([column for _, column in rows], dtype=np.int64))
        for system, rows in ((system, sorted(found)) for system, found in by_system.items())
    }


def _dotted(system: str, undotted: str) -> Code:
    return Code(system, add_dot(system, undotted))


def _undotted(code: str) -> str:
    return code.replace(".", "")
