"""Codes of MIMIC admissions: read as strings, in order of priority."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import polars as pl

from model.errors import MalformedInput
from model.icd import Code, NoCode, normalise_cell
from training.prepare.code_cells import without_leading_zeros
from training.prepare.dataset_directory import Record
from training.prepare.icd_titles import published_titles
from training.prepare.mimic_tables import CodeTable, MimicTables, whole_numbers

VERSIONS = ("9", "10")
LONGEST_VERSION = 10
"""Characters of an ICD_VERSION that a message shows; a shifted cell may hold note text."""
ADMISSION = ("SUBJECT_ID", "HADM_ID")
Admission = tuple[int, int]  # of these
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
        MalformedInput: an identifier is not a number, or a table cannot be read.
    """
    read = [read_rows(table) for table in tables.codes]
    coded = collect_codes(read, normalise_cell, record)
    warn_of_lost_zeros((code for codes in coded.values() for code in codes), record)
    return coded, read


def read_rows(table: CodeTable) -> CodeRows:
    """The rows of the table's ICD version; identifiers checked, codes untouched.

    Raises:
        MalformedInput: an identifier is not a number, or the table cannot be read.
    """
    rows = 0
    frames = [pl.DataFrame(schema=_schema())]
    for batch in table.batches():
        frames.append(_rows_of_version(table, batch.with_row_index("data_row", offset=rows + 1)))
        rows += batch.height
    return CodeRows(table, pl.concat(frames), rows)


def collect_codes(read: Iterable[CodeRows], spell: Spelling, record: Record) -> Coded:
    """Distinct codes of every admission, table after table, by SEQ_NUM and then by row; every loss is counted."""
    number_of: dict[Code, int] = {}
    kept = [pl.DataFrame(schema=dict.fromkeys((*ADMISSION, "code"), pl.Int64))]
    for rows in read:
        name, ordered = rows.table.name, _in_order(rows.frame)
        numbered, refused = _numbered(ordered, rows.table.system, spell, number_of)
        kept.append(numbered.drop_nulls())
        record.count(f"{name} rows", rows.rows)
        if rows.table.version:
            record.count(f"{name} rows dropped: ICD_VERSION is not {rows.table.version}", rows.rows - rows.frame.height)
        record.count(f"{name} rows dropped: no SUBJECT_ID or HADM_ID", rows.frame.height - ordered.height)
        record.count(f"{name} rows dropped: no code", ordered.height - kept[-1].height - refused.height)
        _count_refused(rows.table, refused, ordered.height, record)
    assigned = pl.concat(kept)
    distinct = assigned.unique(keep="first", maintain_order=True)
    by_admission = distinct.group_by(ADMISSION, maintain_order=True).agg("code")
    record.count("code rows dropped: repeated in the admission", assigned.height - distinct.height)
    record.count("admissions with a code", by_admission.height)
    codes = list(number_of)
    return {(subject, one): tuple([codes[n] for n in numbers]) for subject, one, numbers in by_admission.iter_rows()}


def read_titles(tables: MimicTables) -> dict[Code, str]:
    """LONG_TITLE by code, of the title tables that are there."""
    titles = {}
    for table in tables.titles:
        frame = table.read()
        if table.version:
            frame = frame.filter(pl.col("ICD_VERSION").str.strip_chars() == table.version)
        for raw, title in frame.select(table.code, table.title).iter_rows():
            with suppress(NoCode):  # MIMIC-IV titles "NoDx" too
                if (code := normalise_cell(table.system, raw)) is not None:
                    titles[code] = title.strip()
    return titles


def _schema() -> dict[str, type[pl.DataType]]:
    numbers: Sequence[str] = ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ROW_ID")
    return dict.fromkeys(numbers, pl.Int64) | {"CODE": pl.String}


def _rows_of_version(table: CodeTable, batch: pl.DataFrame) -> pl.DataFrame:
    if table.version:
        _require_versions(table, batch)
        batch = batch.filter(pl.col("ICD_VERSION").str.strip_chars() == table.version)
    if "ROW_ID" not in batch.columns:
        batch = batch.with_columns(pl.col("data_row").cast(pl.Int64).alias("ROW_ID"))
    numbers = [
        whole_numbers(table.path, batch[name], batch["data_row"])
        for name in ("SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ROW_ID")
    ]
    return batch.with_columns(*numbers, pl.col(table.code).alias("CODE")).select(list(_schema()))


def _require_versions(table: CodeTable, batch: pl.DataFrame) -> None:
    """Raise MalformedInput for an ICD_VERSION that is neither 9 nor 10."""
    strange = batch.filter(~pl.col("ICD_VERSION").str.strip_chars().is_in(VERSIONS))
    if strange.height:
        value = strange["ICD_VERSION"][0].strip()
        shown = f"is '{value}'" if len(value) <= LONGEST_VERSION else "is a long text"
        raise MalformedInput(
            f"ICD_VERSION in data row {strange['data_row'][0]:,} of '{table.path}' {shown}, expected "
            f"{' or '.join(VERSIONS)}: a data frame with gaps writes 10 as 10.0, so use the file as PhysioNet ships it"
        )


def _numbered(
    ordered: pl.DataFrame, system: str, spell: Spelling, number_of: dict[Code, int]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """SUBJECT_ID, HADM_ID and the number of the code, null where the cell has none; new codes are added.

    Returned beside them: the rows whose cell is no code of the system.
    """
    numbers: dict[str, int | None] = {}
    refused = []
    for raw in ordered["CODE"].unique().sort():
        try:
            code = spell(system, raw)
        except NoCode:
            code = None
            refused.append(raw)
        numbers[raw] = None if code is None else number_of.setdefault(code, len(number_of))
    cells = pl.Series("CODE", list(numbers), pl.String)
    table = pl.DataFrame([cells, pl.Series("code", list(numbers.values()), pl.Int64)])
    found = ordered.join(table, on="CODE", how="left", maintain_order="left").select(*ADMISSION, "code")
    return found, ordered.filter(pl.col("CODE").is_in(refused))


def _count_refused(table: CodeTable, refused: pl.DataFrame, rows: int, record: Record) -> None:
    """Count the rows that are no code; the cells are not shown."""
    if not refused.height:
        return
    first = int(refused["ROW_ID"].to_numpy().min())
    where = f"{table.name} holds no code of {table.system} in {refused.height:,} of {rows:,} rows"
    there = f"ROW_ID or data row {first:,} is the first"
    if 2 * refused.height > rows:
        raise MalformedInput(f"{where} ({there}): use '{table.path}' as {table.edition} ships it")
    record.count(f"{table.name} rows dropped: not a code of {table.system}", refused.height)
    record.warnings.append(f"{where}, which are left out ({there})")


def warn_of_lost_zeros(codes: Iterable[Code], record: Record) -> None:
    """Warn where no code of a system begins with 0 and some would be other codes with a zero in front."""
    present = set(codes)
    systems = sorted({code.system for code in present})
    lost = without_leading_zeros(present, published_titles(systems))
    if lost:
        record.warnings.append(
            f"no {' or '.join(sorted({code.system for code in lost}))} code begins with 0, and {len(lost):,} of "
            f"{len(present):,} are other codes with a 0 in front (such as {lost[0].code}): a spreadsheet or a data "
            "frame may have removed leading zeros, so compare with the source, or export the codes as text"
        )


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    known = frame.drop_nulls(["SUBJECT_ID", "HADM_ID"])
    return known.sort(["SEQ_NUM", "ROW_ID"], nulls_last=True, maintain_order=True)
