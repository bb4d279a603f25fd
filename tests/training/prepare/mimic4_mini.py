"""A miniature of MIMIC-IV made in code: three invented patients, in PhysioNet's folders."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from tests.training.prepare.mimic_mini import Row, csv_bytes

NOTES_HEADER = ["note_id", "subject_id", "hadm_id", "note_type", "note_seq", "charttime", "storetime", "text"]
CODES_HEADER = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
TITLES_HEADER = ["icd_code", "icd_version", "long_title"]

NOTES = [
    ["1-DS-3", "1", "100", "DS", "10", "2150-01-03 00:00:00", "", "Second note."],
    ["1-DS-2", "1", "100", "DS", "9", "2150-01-04 00:00:00", "", 'First note,\nof "Testy McTestface".'],
    ["2-DS-1", "2", "200", "DS", "1", "2150-01-03 00:00:00", "", "Coded in the old version."],
    ["2-DS-2", "2", "", "DS", "2", "2150-01-03 00:00:00", "", "Without an admission."],
    ["3-DS-1", "3", "300", "DS", "1", "2150-01-03 00:00:00", "", "Of a third patient."],
]
DIAGNOSES = [
    ["1", "100", "2", "I10", "10"],
    ["1", "100", "1", "E1165", "10"],
    ["2", "200", "1", "0389", "9"],
    ["3", "300", "1", "I10", "10"],
]
PROCEDURES = [
    ["1", "100", "1", "02703ZZ", "10"],
    ["2", "200", "1", "0066", "9"],
]
DIAGNOSIS_TITLES = [["I10", "10", "A title of its own"], ["0389", "9", "An old title"]]
PROCEDURE_TITLES = [["0066", "9", "PTCA"]]


def write_mimic4(
    folder: Path, *, notes: Sequence[Row] = NOTES, diagnoses: Sequence[Row] = DIAGNOSES, compressed: bool = True
) -> Path:
    """Write note/discharge and the four tables of hosp/."""
    for name, header, rows in (
        ("note/discharge", NOTES_HEADER, notes),
        ("hosp/diagnoses_icd", CODES_HEADER, diagnoses),
        ("hosp/procedures_icd", CODES_HEADER, PROCEDURES),
        ("hosp/d_icd_diagnoses", TITLES_HEADER, DIAGNOSIS_TITLES),
        ("hosp/d_icd_procedures", TITLES_HEADER, PROCEDURE_TITLES),
    ):
        path = folder / f"{name}.csv{'.gz' if compressed else ''}"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = csv_bytes(header, rows)
        path.write_bytes(gzip.compress(content) if compressed else content)
    return folder
