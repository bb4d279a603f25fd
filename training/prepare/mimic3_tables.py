"""The tables of MIMIC-III v1.4 in a folder."""

from pathlib import Path

import polars as pl

from model.errors import MalformedInput, MissingInput
from model.icd import ICD9CM, ICD9PCS
from training.prepare.csv_table import csv_header
from training.prepare.mimic_tables import CodeTable, MimicTables, NoteTable, TitleTable, files_in, find, require

EDITION = "MIMIC-III v1.4"
CATEGORY = "Discharge summary"
NOTE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "CATEGORY", "DESCRIPTION", "TEXT")
CODE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE")
TITLE_COLUMNS = ("ICD9_CODE", "LONG_TITLE")
MIMIC4_SIGNS = ("hosp", "note", "discharge.csv", "discharge.csv.gz")
# Report before Addendum, then CHARTTIME, CHARTDATE, ROW_ID: the order of Edin et al. 2024.
ORDER = (
    pl.col("DESCRIPTION").str.strip_chars().str.to_lowercase() != "report",
    pl.col("CHARTTIME").str.strip_chars(),
    pl.col("CHARTDATE").str.strip_chars(),
)


def find_tables(source: Path) -> MimicTables:
    """Find the tables in a folder and check their columns, before any long reading.

    Raises:
        MissingInput: the folder, a table or a column is not there.
        MalformedInput: it is MIMIC-IV, or a header cannot be read.
    """
    if not source.is_dir():
        raise MissingInput(f"'{source}' is no folder: --source is the folder with NOTEEVENTS.csv.gz of MIMIC-III v1.4")
    files = files_in(source)
    if any(sign in files for sign in MIMIC4_SIGNS):
        raise _mimic4(source)
    notes = require(source, files, "NOTEEVENTS", EDITION)
    codes = [(name, system, require(source, files, name, EDITION)) for name, system in _named("{}_ICD")]
    titles = [(name, system, find(files, name)) for name, system in _named("D_ICD_{}")]
    for _, _, path in codes:
        if {"ICD_CODE", "ICD_VERSION"} <= {name.strip().upper() for name in csv_header(path)}:
            raise _mimic4(path)
    return MimicTables(
        NoteTable("NOTEEVENTS", notes, NOTE_COLUMNS, EDITION, category=CATEGORY, row_id="ROW_ID", order=ORDER),
        tuple(CodeTable(name, path, CODE_COLUMNS, EDITION, system, "ICD9_CODE") for name, system, path in codes),
        tuple(
            TitleTable(name, path, TITLE_COLUMNS, EDITION, system, "ICD9_CODE", "LONG_TITLE")
            for name, system, path in titles
            if path is not None
        ),
    ).require_columns()


def _named(form: str) -> list[tuple[str, str]]:
    return [(form.format("DIAGNOSES"), ICD9CM), (form.format("PROCEDURES"), ICD9PCS)]


def _mimic4(path: Path) -> MalformedInput:
    return MalformedInput(
        f"'{path}' holds MIMIC-IV: `prepare mimic3` reads MIMIC-III v1.4, so name the folder that has NOTEEVENTS, "
        "or take `prepare mimic4`"
    )
