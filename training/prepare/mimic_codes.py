"""Codes of MIMIC admissions: read as strings, in order of priority."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from model.icd import Code
from training.prepare.codes import normalised
from training.prepare.dataset_directory import Record
from training.prepare.mimic_tables import CodeTable, MimicTables, whole_numbers

Admission = tuple[int, int]  # (SUBJECT_ID, HADM_ID)
Coded = dict[Admission, tuple[Code, ...]]
Spelling = Callable[[str, str], Code | None]
"""(system, cell) -> the code; None for a cell without one."""


@dataclass(frozen=True)
class CodeRows:
    """The rows of a code table, in file order: SUBJECT_ID, HADM_ID, SEQ_NUM, ROW_ID (int64), CODE (string)."""

    table: CodeTable
    frame: pl.DataFrame
    rows: int

    @property
    def raw_codes(self) -> frozenset[str]:
        return frozenset(self.frame["CODE"].str.strip_chars().unique()) - {""}

    @property
    def leading_zero(self) -> int:
        return sum(code.startswith("0") for code in self.raw_codes)


def read_codes(tables: MimicTables, record: Record) -> tuple[Coded, list[CodeRows]]:
    """Distinct codes of every admission: diagnoses by SEQ_NUM, then procedures by SEQ_NUM.

    Raises:
        MalformedInput: an identifier is no number, or a table cannot be read.
    """
    read = [read_rows(table) for table in tables.codes]
    return collect_codes(read, normalised, record), read


def read_rows(table: CodeTable) -> CodeRows:
    """The rows of the table's ICD version; identifiers checked, codes untouched.

    Raises:
        MalformedInput: an identifier is no number, or the table cannot be read.
    """
    rows = 0
    frames = [pl.DataFrame(schema=_schema())]
    for batch in table.batches():
        frames.append(_rows_of_version(table, batch.with_row_index("data_row", offset=rows + 1)))
        rows += batch.height
    return CodeRows(table, pl.concat(frames), rows)


def collect_codes(read: Iterable[CodeRows], spell: Spelling, record: Record) -> Coded:
    """Distinct codes of every admission, table after table, by SEQ_NUM and then by row; every loss is counted."""
    collected: dict[Admission, dict[Code, None]] = {}
    repeated = 0
    for rows in read:
        name, ordered = rows.table.name, _in_order(rows.frame)
        spelled = {raw: spell(rows.table.system, raw) for raw in ordered["CODE"].unique()}
        kept = 0
        for subject, admission, raw in ordered.select("SUBJECT_ID", "HADM_ID", "CODE").iter_rows():
            if (code := spelled[raw]) is not None:
                codes = collected.setdefault((subject, admission), {})
                repeated += code in codes
                codes[code] = None
                kept += 1
        record.count(f"{name} rows", rows.rows)
        if rows.table.version:
            record.count(f"{name} rows dropped: ICD_VERSION is not {rows.table.version}", rows.rows - rows.frame.height)
        record.count(f"{name} rows dropped: no SUBJECT_ID or HADM_ID", rows.frame.height - ordered.height)
        record.count(f"{name} rows dropped: no code", ordered.height - kept)
    record.count("code rows dropped: repeated in the admission", repeated)
    record.count("admissions with a code", len(collected))
    return {admission: tuple(codes) for admission, codes in collected.items()}


def read_titles(tables: MimicTables) -> dict[Code, str]:
    """LONG_TITLE by code, of the title tables that are there."""
    titles = {}
    for table in tables.titles:
        frame = table.read()
        if table.version:
            frame = frame.filter(pl.col("ICD_VERSION").str.strip_chars() == table.version)
        for raw, title in frame.select(table.code, table.title).iter_rows():
            if (code := normalised(table.system, raw)) is not None:
                titles[code] = title.strip()
    return titles


def _schema() -> dict[str, type[pl.DataType]]:
    numbers: Sequence[str] = ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ROW_ID")
    return dict.fromkeys(numbers, pl.Int64) | {"CODE": pl.String}


def _rows_of_version(table: CodeTable, batch: pl.DataFrame) -> pl.DataFrame:
    if table.version:
        batch = batch.filter(pl.col("ICD_VERSION").str.strip_chars() == table.version)
    if "ROW_ID" not in batch.columns:
        batch = batch.with_columns(pl.col("data_row").cast(pl.Int64).alias("ROW_ID"))
    numbers = [
        whole_numbers(table.path, batch[name], batch["data_row"])
        for name in ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ROW_ID")
    ]
    return batch.with_columns(*numbers, pl.col(table.code).alias("CODE")).select(list(_schema()))


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    known = frame.drop_nulls(["SUBJECT_ID", "HADM_ID"])
    return known.sort(["SEQ_NUM", "ROW_ID"], nulls_last=True, maintain_order=True)
