"""The revision of ICD that a row's codes are of, by a column of versions or of dates."""

import re
from datetime import date, datetime

from training.prepare.table_cells import WrongCell, id_of
from training.prepare.table_rows.rows import Value

ICD10_BEGINS = date(2015, 10, 1)
"""Discharges in the United States are coded with ICD-10-CM and ICD-10-PCS from this day (CMS, 45 CFR 162.1002)."""
_VERSION = re.compile(r"(?:ICD|I)?[-_ ]?0*(9|10)(?:\.0+)?(?:[-_ ]?(?:CM|PCS|PROC|DX))?")


def version_of(value: Value) -> str:
    """ "9" or "10", from any of 9, "10.0", "ICD-9-CM".

    Raises:
        WrongCell: it is another value.
    """
    written = "" if value is None else str(value).strip().upper()
    if (found := _VERSION.fullmatch(written)) is None:
        raise WrongCell(f"{_shown(written)}, expected 9 or 10")
    return found[1]


def version_on(value: Value) -> str:
    """ "9" or "10", by the day of discharge, ISO 8601.

    Raises:
        WrongCell: it is no such date; the message does not show it, because it is a patient's.
    """
    written = id_of(value if not isinstance(value, float) else str(value)) or ""
    try:
        day = datetime.fromisoformat(written).date()
    except ValueError:
        raise WrongCell("no date, expected one as 2015-10-01") from None
    return "10" if day >= ICD10_BEGINS else "9"


def _shown(written: str) -> str:
    if not written:
        return "nothing"
    short = len(written) <= 12 and any(map(str.isdigit, written)) and not any(map(str.isspace, written))
    return f"the value '{written}'" if short else "a text"
