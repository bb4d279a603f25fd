"""A miniature of MIMIC-III made in code: three invented patients, in PhysioNet's tables."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

Row = Sequence[str]

NOTES_HEADER = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "STORETIME"]
NOTES_HEADER += ["CATEGORY", "DESCRIPTION", "CGID", "ISERROR", "TEXT"]
CODES_HEADER = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"]
TITLES_HEADER = ["ROW_ID", "ICD9_CODE", "SHORT_TITLE", "LONG_TITLE"]

SUMMARY = 'Mr. Testpatient Mockman,\nwith "chest pain", was sent home.\n\n'


def note(
    row: int,
    subject: str,
    admission: str,
    text: str,
    *,
    category: str = "Discharge summary",
    description: str = "Report",
    date: str = "2150-01-02",
    time: str = "",
) -> list[str]:
    """One row of NOTEEVENTS."""
    return [str(row), subject, admission, date, time, "", category, description, "", "", text]


NOTES = [
    # The addendum of admission 100 stands before its report, and a later report before an earlier one.
    note(1, "1", "100", "Addendum text.", description="Addendum", date="2150-01-01"),
    note(2, "1", "100", "Second report.", date="2150-01-03"),
    note(3, "1", "100", SUMMARY, date="2150-01-02"),
    note(4, "1", "", "Outpatient summary without an admission."),
    note(5, "1", "100", "A nurse's line.", category="Nursing"),
    note(6, "1", "101", "Plain summary."),
    note(7, "2", "200", "Late.", time="2150-01-02 10:00:00"),
    note(8, "2", "200", "Early.", time="2150-01-02 09:00:00"),
    note(9, "3", "300", "Coded nowhere."),
    note(10, "3", "301", "Only blanks in its code."),
]
DIAGNOSES = [
    ["1", "1", "100", "2", "4019"],
    ["2", "1", "100", "1", "E8889"],
    ["3", "1", "100", "3", "4019"],
    ["4", "1", "100", "4", ""],
    ["5", "1", "101", "1", "V4581"],
    ["6", "2", "200", "1", "0389"],
    ["7", "2", "201", "1", "311"],
    ["8", "3", "301", "1", " "],
]
PROCEDURES = [
    ["1", "1", "100", "1", "0066"],
    ["2", "1", "100", "2", "3893"],
    ["3", "2", "200", "1", "66"],
]
DIAGNOSIS_TITLES = [
    ["1", "4019", "Hypertension NOS", "Unspecified essential hypertension"],
    ["2", "0389", "Septicemia NOS", "A title of its own"],
]
PROCEDURE_TITLES = [["1", "0066", "PTCA", "Percutaneous transluminal coronary angioplasty [PTCA]"]]


def csv_bytes(header: Row, rows: Sequence[Row], line_end: str = "\n") -> bytes:
    """CSV as PhysioNet writes it: text quoted where needed, quotes doubled."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=line_end).writerows([header, *rows])
    return out.getvalue().encode()


def write_mimic(
    folder: Path,
    *,
    notes: Sequence[Row] = NOTES,
    diagnoses: Sequence[Row] = DIAGNOSES,
    procedures: Sequence[Row] = PROCEDURES,
    lower: bool = False,
    compressed: bool = True,
) -> Path:
    """Write the five tables; ``lower``: lower-case file names and headers."""
    folder.mkdir(exist_ok=True)
    for name, header, rows in (
        ("NOTEEVENTS", NOTES_HEADER, notes),
        ("DIAGNOSES_ICD", CODES_HEADER, diagnoses),
        ("PROCEDURES_ICD", CODES_HEADER, procedures),
        ("D_ICD_DIAGNOSES", TITLES_HEADER, DIAGNOSIS_TITLES),
        ("D_ICD_PROCEDURES", TITLES_HEADER, PROCEDURE_TITLES),
    ):
        content = csv_bytes([column.lower() for column in header] if lower else header, rows)
        path = folder / f"{name.lower() if lower else name}.csv{'.gz' if compressed else ''}"
        path.write_bytes(gzip.compress(content) if compressed else content)
    return folder
