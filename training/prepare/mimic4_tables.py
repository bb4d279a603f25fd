"""The tables of MIMIC-IV in a folder: hosp/ and note/, which PhysioNet ships as two projects."""

from pathlib import Path

import polars as pl

from model.errors import MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, ICD10PCS
from training.prepare.mimic_tables import CodeTable, MimicTables, NoteTable, TitleTable, files_in, find, require

EDITION = "MIMIC-IV"
NOTE_COLUMNS = ("SUBJECT_ID", "HADM_ID", "NOTE_SEQ", "CHARTTIME", "TEXT")
CODE_COLUMNS = ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD_CODE", "ICD_VERSION")
TITLE_COLUMNS = ("ICD_CODE", "ICD_VERSION", "LONG_TITLE")
SYSTEMS = {"icd9": ("9", ICD9CM, ICD9PCS), "icd10": ("10", ICD10CM, ICD10PCS)}
ORDER = (
    pl.col("NOTE_SEQ").str.strip_chars().cast(pl.Int64, strict=False),
    pl.col("CHARTTIME").str.strip_chars(),
)
EXPECTED = (
    "--source is a folder with note/discharge.csv.gz (PhysioNet: mimic-iv-note) and hosp/diagnoses_icd.csv.gz "
    "(mimiciv), so move or link the two beside each other"
)


def find_tables(source: Path, icd: str) -> MimicTables:
    """Find the tables and check their columns, before any long reading.

    Args:
        icd: "icd9" or "icd10": the version whose rows are taken from the code tables.

    Raises:
        MissingInput: the folder, a table or a column is not there.
        MalformedInput: it is MIMIC-III, or a header cannot be read.
    """
    if not source.is_dir():
        raise MissingInput(f"'{source}' is no folder: {EXPECTED}")
    if find(files_in(source), "NOTEEVENTS") is not None:
        raise MalformedInput(f"'{source}' holds MIMIC-III: take `prepare mimic3`, or name the MIMIC-IV folder")
    hosp, note = source / "hosp", source / "note"
    for folder in (hosp, note):
        if not folder.is_dir():
            raise MissingInput(f"'{source}' has no folder {folder.name}: {EXPECTED}")
    files, version = files_in(hosp), SYSTEMS[icd][0]
    notes = require(note, files_in(note), "discharge", EDITION)
    systems = list(zip(("diagnoses", "procedures"), SYSTEMS[icd][1:], strict=True))
    codes = [(f"{kind}_icd", system, require(hosp, files, f"{kind}_icd", EDITION)) for kind, system in systems]
    titles = [(f"d_icd_{kind}", system, find(files, f"d_icd_{kind}")) for kind, system in systems]
    return MimicTables(
        NoteTable("discharge", notes, NOTE_COLUMNS, EDITION, category=None, row_id=None, order=ORDER),
        tuple(
            CodeTable(name, path, CODE_COLUMNS, EDITION, system, "ICD_CODE", version) for name, system, path in codes
        ),
        tuple(
            TitleTable(name, path, TITLE_COLUMNS, EDITION, system, "ICD_CODE", "LONG_TITLE", version)
            for name, system, path in titles
            if path is not None
        ),
    ).require_columns()
