"""The tables of MIMIC-III v1.4 as files: .csv or .csv.gz, names and headers in upper or lower case."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.errors import MalformedInput, MissingInput
from training.prepare.csv_table import csv_batches, csv_header, read_csv

NOTE_COLUMNS = (
    "ROW_ID",
    "SUBJECT_ID",
    "HADM_ID",
    "CHARTDATE",
    "CHARTTIME",
    "CATEGORY",
    "DESCRIPTION",
    "TEXT",
)
CODE_COLUMNS = ("ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE")
TITLE_COLUMNS = ("ICD9_CODE", "LONG_TITLE")
MIMIC4_SIGNS = ("hosp", "note", "discharge.csv", "discharge.csv.gz")


@dataclass(frozen=True)
class Mimic3Tables:
    """Where the tables lie; the title tables may be absent, the published titles stand in."""

    notes: Path
    diagnoses: Path
    procedures: Path
    diagnosis_titles: Path | None
    procedure_titles: Path | None

    @property
    def paths(self) -> list[Path]:
        every = (self.notes, self.diagnoses, self.procedures, self.diagnosis_titles, self.procedure_titles)
        return [path for path in every if path is not None]


def find_tables(source: Path) -> Mimic3Tables:
    """Find the tables in a folder and check their columns, before any long reading.

    Raises:
        MissingInput: the folder, a table or a column is not there.
        MalformedInput: it is MIMIC-IV, or a header cannot be read.
    """
    if not source.is_dir():
        raise MissingInput(f"'{source}' is no folder: --source is the folder with NOTEEVENTS.csv.gz of MIMIC-III v1.4")
    files = {path.name.lower(): path for path in sorted(source.iterdir())}
    if any(sign in files for sign in MIMIC4_SIGNS):
        raise _mimic4(source)
    tables = Mimic3Tables(
        notes=_required(source, files, "NOTEEVENTS"),
        diagnoses=_required(source, files, "DIAGNOSES_ICD"),
        procedures=_required(source, files, "PROCEDURES_ICD"),
        diagnosis_titles=_find(files, "D_ICD_DIAGNOSES"),
        procedure_titles=_find(files, "D_ICD_PROCEDURES"),
    )
    for path in tables.paths:
        _columns(path, _expected(path))
    return tables


def table_batches(path: Path) -> Iterator[pl.DataFrame]:
    """The protocol's columns of a table under their upper-case names, strings, a batch at a time."""
    names = _columns(path, _expected(path))
    for batch in csv_batches(path, list(names)):
        yield batch.rename(names)


def read_table(path: Path) -> pl.DataFrame:
    """The protocol's columns of a small table under their upper-case names, strings."""
    names = _columns(path, _expected(path))
    return read_csv(path, list(names)).rename(names)


def whole_numbers(path: Path, column: pl.Series, data_rows: pl.Series | None = None) -> pl.Series:
    """An identifier column as int64, null where it is empty.

    ``data_rows`` numbers the rows when some were left out.

    Raises:
        MalformedInput: a value is no whole number; the data row is named (a shifted cell may hold note text).
    """
    numbers = column.str.strip_chars().cast(pl.Int64, strict=False)
    broken = (numbers.is_null() & (column.str.strip_chars() != "")).arg_true()
    if len(broken):
        row = broken[0] + 1 if data_rows is None else data_rows[broken[0]]
        raise MalformedInput(
            f"{column.name} in data row {row:,} of '{path}' is no whole number: "
            "use the file as PhysioNet ships it, not one saved by a spreadsheet or a data frame"
        )
    return numbers


def _expected(path: Path) -> tuple[str, ...]:
    name = path.name.upper()
    if name.startswith("NOTEEVENTS"):
        return NOTE_COLUMNS
    return TITLE_COLUMNS if name.startswith("D_ICD") else CODE_COLUMNS


def _columns(path: Path, expected: tuple[str, ...]) -> dict[str, str]:
    """The file's spelling of each expected column -> the upper-case name."""
    found = csv_header(path)
    spelled = {name.strip().upper(): name for name in found}
    if {"ICD_CODE", "ICD_VERSION"} <= spelled.keys():
        raise _mimic4(path)
    missing = [name for name in expected if name not in spelled]
    if missing:
        raise MissingInput(
            f"'{path}' has no column {', '.join(missing)} (found: {', '.join(found[:12])}): "
            "use the file of MIMIC-III v1.4 as PhysioNet ships it"
        )
    return {spelled[name]: name for name in expected}


def _required(source: Path, files: dict[str, Path], table: str) -> Path:
    if (path := _find(files, table)) is None:
        raise MissingInput(
            f"'{source}' has no {table}.csv or {table}.csv.gz: --source is the folder with the tables of MIMIC-III v1.4"
        )
    return path


def _find(files: dict[str, Path], table: str) -> Path | None:
    name = f"{table.lower()}.csv"
    return files.get(name) or files.get(f"{name}.gz")


def _mimic4(path: Path) -> MalformedInput:
    return MalformedInput(
        f"'{path}' holds MIMIC-IV: `prepare mimic3` reads MIMIC-III v1.4, so name the folder that has NOTEEVENTS"
    )
