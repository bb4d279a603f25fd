"""ICD systems, their grammar, the place of the dot, and the one spelling of a code.

Codes are strings everywhere: "0066" (PTCA) and "66" (a salpingotomy chapter) are different procedures. A dot that is
written is believed: "41.49" is no ICD-9-CM diagnosis, so it is refused and never read as 414.9.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

ICD9CM = "icd9cm"
ICD9PCS = "icd9pcs"
ICD10CM = "icd10cm"
ICD10PCS = "icd10pcs"
ICD10WHO = "icd10who"
ICD10GM = "icd10gm"
ICD10AM = "icd10am"
ICD10CA = "icd10ca"
SYSTEMS = (ICD9CM, ICD9PCS, ICD10CM, ICD10PCS, ICD10WHO, ICD10GM, ICD10AM, ICD10CA)
LABELS = "labels"
"""System of the labels of a corpus without ICD codes: free names, spelled as they are, none beneath another."""
NATIONAL_EDITIONS = (ICD10WHO, ICD10GM, ICD10AM, ICD10CA)
"""ICD-10 of the WHO, and the German, Australian and Canadian modifications, whose titles are not installed."""

_ICD10 = re.compile(r"[A-Z][0-9][0-9](?:\.[0-9]{1,2})?")
GRAMMAR = {
    ICD9CM: re.compile(r"(?:[0-9]{3}|V[0-9]{2})(?:\.[0-9]{1,2})?|E[0-9]{3}(?:\.[0-9])?"),
    ICD9PCS: re.compile(r"[0-9]{2}(?:\.[0-9]{1,2})?"),
    # The letters are those of the 2024 release at each place, and QA0 of 2025, so that "ESS" is no code.
    ICD10CM: re.compile(r"(?:[A-Z][0-9]|QA)[0-9AB](?:\.[0-9A-LXZ](?:[0-9A-EXYZ](?:[0-9A-HX][0-9A-HJKMNP-S]?)?)?)?"),
    # Categories too, of 3 to 6 characters; without a digit only the ending of real codes, so that "GENERAL" is none.
    ICD10PCS: re.compile(
        r"(?=[A-Z]*[0-9])[0-9BCDFGHX][0-9A-HJ-NP-Z]{2,6}|[BCDFGHX][A-HJ-NP-Z]{4}ZZ",
    ),
    ICD10WHO: _ICD10,
    ICD10GM: _ICD10,
    ICD10AM: _ICD10,
    ICD10CA: re.compile(r"[A-Z][0-9][0-9](?:\.[0-9]{1,3})?"),
}
"""What a dotted code of each system looks like."""

_FULL_WIDTH = {0xFF01 + place: 0x21 + place for place in range(94)} | {0x3000: 0x20}
"""Full-width "！" to "～" and the ideographic space (Unicode, Halfwidth and Fullwidth Forms)."""

LONGEST = 16
"""Characters of the longest spelling that is looked at; a code has 8 with its dot."""


class Code(NamedTuple):
    """A code of a system, dotted and upper case: ``Code("icd9pcs", "00.66")``."""

    system: str
    code: str


class Fault(StrEnum):
    """Why a spelling is no code of a system."""

    EMPTY = "nothing is written"
    DOT = "its dot is where the system has none"
    CHARACTERS = "it holds a character that no code has"
    SHAPE = "it has not the form of a code of the system"


class NoCode(ValueError):
    """A spelling that is no code. The message does not quote it: it may be the words of a note."""

    def __init__(self, system: str, fault: Fault) -> None:
        super().__init__(f"no code of {system}: {fault}")
        self.system = system
        self.fault = fault


def add_dot(system: str, code: str) -> str:
    """Dotted spelling of an undotted code ("4019" -> "401.9", "E8889" -> "E888.9", "0066" -> "00.66").

    ICD-9-CM: after 3 characters, for E codes after 4; ICD-9 procedures: after 2; ICD-10: after 3; ICD-10-PCS has none
    (MIMIC protocol, Mullenbach et al. 2018, and CMS). A code that ends where the dot would stand has none.
    """
    place = _dot_place(system, code)
    if place is None or len(code) <= place:
        return code
    return f"{code[:place]}.{code[place:]}"


def normalise(system: str, raw: str) -> Code:
    """A code in the one spelling, from any of "4019", "401.9", " n44.8 ", "486.", "Ｉ１０".

    A dot may be left out, and may stand at the end; elsewhere it must be where the system has it. Blanks around,
    invisible characters, small letters and full-width forms are read.

    Raises:
        NoCode: it has not the form of a code of the system, or its dot is out of place; never quoted.
        ValueError: an unknown system.
    """
    written = visible(raw).strip().upper()
    undotted = written.removesuffix(".").replace(".", "", 1)
    spelled = add_dot(system, undotted)
    if len(written) <= LONGEST and GRAMMAR[system].fullmatch(spelled):
        if written in (spelled, undotted, f"{spelled}."):
            return Code(system, spelled)
        raise NoCode(system, Fault.DOT)
    raise NoCode(system, _fault(system, written))


def readings(systems: Iterable[str], raw: str) -> Iterator[Code]:
    """The code as each of some systems reads it, see :func:`normalise`; nothing of those of which it is none."""
    for system in systems:
        with suppress(NoCode):
            yield normalise(system, raw)


def normalise_cell(system: str, cell: str) -> Code | None:
    """The code of a table cell, as :func:`normalise` spells it; None for a cell of blanks and dots only.

    Raises:
        NoCode, ValueError: as :func:`normalise`.
    """
    return normalise(system, cell) if cell.strip(" .\t\r\n") else None


def visible(text: str) -> str:
    """The text without invisible characters, and its full-width forms in ASCII.

    Invisible are zero-width characters, soft hyphens and byte order marks (Unicode's category Cf).
    """
    if text.isascii():
        return text
    return "".join(c for c in text.translate(_FULL_WIDTH) if unicodedata.category(c) != "Cf")


def category_length(system: str, code: str) -> int:
    """Characters of the category that a code belongs to, without a dot: 3 of "I21.4", 4 of "E888.9", 2 of "00.66".

    ICD-10-PCS codes have no dot; their category is the table, named by the first three characters (CMS, ICD-10-PCS
    Official Guidelines, A1 to A3).
    """
    return _dot_place(system, code) or 3


def _fault(system: str, written: str) -> Fault:
    """What is wrong with a spelling that the grammar does not match."""
    if not written.strip("."):
        return Fault.EMPTY
    if not re.fullmatch(r"[0-9A-Z.]*", written):
        return Fault.CHARACTERS
    elsewhere = any(GRAMMAR[other].fullmatch(written) for other in SYSTEMS if other != system)
    return Fault.DOT if "." in written and elsewhere else Fault.SHAPE


def _dot_place(system: str, code: str) -> int | None:
    if system == ICD9CM:
        return 4 if code.startswith("E") else 3
    if system == ICD9PCS:
        return 2
    if system == ICD10PCS:
        return None
    if system in SYSTEMS:
        return 3
    raise ValueError(f"unknown code system '{system}': expected one of {', '.join(SYSTEMS)}")
