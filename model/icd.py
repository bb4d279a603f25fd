"""ICD systems, the place of the dot, and the one spelling of a code.

Codes are strings everywhere: "0066" (PTCA) and "66" (a salpingotomy chapter) are different procedures.
"""

from typing import NamedTuple

ICD9CM = "icd9cm"
ICD9PCS = "icd9pcs"
ICD10CM = "icd10cm"
ICD10PCS = "icd10pcs"
SYSTEMS = (ICD9CM, ICD9PCS, ICD10CM, ICD10PCS)


class Code(NamedTuple):
    """A code of a system, dotted and upper case: ``Code("icd9pcs", "00.66")``."""

    system: str
    code: str


def add_dot(system: str, code: str) -> str:
    """Dotted spelling of an undotted code ("4019" -> "401.9", "E8889" -> "E888.9", "0066" -> "00.66").

    ICD-9-CM: after 3 characters, for E codes after 4; ICD-9 procedures: after 2; ICD-10-CM: after 3; ICD-10-PCS
    has none (MIMIC protocol, Mullenbach et al. 2018, and CMS). A code that ends where the dot would stand has
    none.
    """
    place = _dot_place(system, code)
    if place is None or len(code) <= place:
        return code
    return f"{code[:place]}.{code[place:]}"


def normalise(system: str, raw: str) -> Code:
    """A code in the one spelling, from any of "4019", "401.9", " n44.8 ".

    Raises:
        ValueError: an unknown system, or nothing left of the code.
    """
    undotted = raw.strip().upper().replace(".", "")
    if not undotted:
        raise ValueError("the code is empty")
    return Code(system, add_dot(system, undotted))


def normalise_cell(system: str, cell: str) -> Code | None:
    """The code of a table cell, as :func:`normalise` spells it; None for a cell of blanks and dots only."""
    return normalise(system, cell) if cell.strip(" .\t\r\n") else None


def category_length(system: str, code: str) -> int:
    """Characters of the category that a code belongs to, without a dot: 3 of "I21.4", 4 of "E888.9", 2 of "00.66".

    ICD-10-PCS codes have no dot; their category is the table, named by the first three characters (CMS, ICD-10-PCS
    Official Guidelines, A1 to A3).
    """
    return _dot_place(system, code) or 3


def _dot_place(system: str, code: str) -> int | None:
    if system == ICD9CM:
        return 4 if code.startswith("E") else 3
    if system == ICD9PCS:
        return 2
    if system == ICD10CM:
        return 3
    if system == ICD10PCS:
        return None
    raise ValueError(f"unknown code system '{system}': expected one of {', '.join(SYSTEMS)}")
