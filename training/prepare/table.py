"""Turns a table of coded notes, .csv(.gz) or .parquet, into a dataset directory: one document a row."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.atomic_output import require_free, sweep_abandoned
from model.dataset import Document
from model.errors import EmptyDataset, MalformedInput
from model.icd import SYSTEMS, Code, NoCode, normalise_cell
from model.progress import with_progress
from training.prepare.dataset_directory import Record, Written, write_dataset
from training.prepare.icd_titles import published_titles
from training.prepare.source_files import hashed
from training.prepare.splits import canonical_split, require_patients_apart, require_shares
from training.prepare.stratified_splits import stratified_splits
from training.prepare.table_source import TableSource, open_table

SEPARATORS = re.compile(r"[;,|\s]+")


@dataclass(frozen=True)
class TableColumns:
    """Names of the columns; ``document`` defaults to the row number, ``subject`` to the document."""

    text: str
    codes: str
    document: str | None = None
    subject: str | None = None
    split: str | None = None

    @property
    def keys(self) -> list[str]:
        """The columns besides the text."""
        named = (self.codes, self.document, self.subject, self.split)
        return list(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True)
class _Row:
    """One kept row: everything but its text."""

    document: str
    subject: str
    split: str
    codes: tuple[Code, ...]


def prepare_table(
    source: Path,
    out: Path,
    columns: TableColumns,
    *,
    system: str = "icd10cm",
    seed: int = 0,
    dev_share: float = 0.1,
    test_share: float = 0.1,
) -> Written:
    """Write the dataset directory of the rows that have a text and a code.

    The codes of a cell are separated by ";", ",", "|" or blanks, or are a list column in parquet. The table
    is read twice, first without the texts, so that the texts are never all in memory.

    Raises:
        MissingInput, MalformedInput, InvalidOption, EmptyDataset, OutputExists, UnwritableOutput.
    """
    require_free(out)
    sweep_abandoned(out)
    require_shares(dev_share, test_share)
    table = open_table(source, columns.text, columns.codes, columns.keys)
    splitting = {"split": columns.split} if columns.split else _seeding(seed, dev_share, test_share)
    named = {"text": columns.text, "codes": columns.codes, "id": columns.document, "subject": columns.subject}
    record = Record({"source": "table", "system": system, "columns": named, **splitting})
    rows = _plan(source, table, columns, system, record)
    if not columns.split:
        by_patient = stratified_splits(((row.subject, row.codes) for row in rows.values()), seed, dev_share, test_share)
        rows = {
            place: _Row(row.document, row.subject, by_patient[row.subject], row.codes) for place, row in rows.items()
        }
    require_patients_apart(
        ((row.subject, row.split) for row in rows.values()), f"the column '{columns.split}' of '{source}'"
    )
    titles = published_titles([system])
    _require_known(source, {code for row in rows.values() for code in row.codes}, titles, system)
    record.source.append(hashed(source))
    documents = _documents(table, rows, record)
    return write_dataset(out, with_progress(documents, "write", len(rows), "document"), titles, record)


def _seeding(seed: int, dev_share: float, test_share: float) -> dict[str, float | str]:
    return {"split": "by patient, stratified by code", "seed": seed, "dev_share": dev_share, "test_share": test_share}


def _plan(source: Path, table: TableSource, columns: TableColumns, system: str, record: Record) -> dict[int, _Row]:
    """Rows that have a code, by their place in the table (0 is the first data row)."""
    rows: dict[int, _Row] = {}
    total = 0
    for batch in table.batches(columns.keys):
        for cells in batch.iter_rows(named=True):
            codes = _codes_of_row(source, total + 1, system, cells[columns.codes])
            if codes:
                rows[total] = _row(source, cells, columns, total + 1, codes)
            total += 1
    record.count("rows", total)
    record.count("rows dropped: no code", total - len(rows))
    if not total:
        raise EmptyDataset(f"'{source}' has a header and no row: name a table with notes")
    if not rows:
        raise EmptyDataset(f"no row of '{source}' has a code in the column '{columns.codes}': check --codes")
    return rows


def _row(source: Path, cells: dict[str, str], columns: TableColumns, number: int, codes: tuple[Code, ...]) -> _Row:
    def cell(column: str, option: str) -> str:
        value = (cells[column] or "").strip()
        if not value:
            raise MalformedInput(
                f"data row {number:,} of '{source}' has nothing in the column '{column}': fill it or leave {option} out"
            )
        return value

    document = cell(columns.document, "--id") if columns.document else str(number)
    subject = cell(columns.subject, "--subject") if columns.subject else document
    value = cell(columns.split, "--split") if columns.split else "train"
    if (split := canonical_split(value)) is None:
        shown = f"the unknown split '{value}'" if len(value) <= 20 else "a long text as its split"
        raise MalformedInput(
            f"data row {number:,} of '{source}' has {shown}: expected train, dev (or val, validation) or test"
        )
    return _Row(document, subject, split, codes)


def _codes(system: str, cell: str | Sequence[str | None] | None) -> tuple[Code, ...]:
    raw = SEPARATORS.split(cell) if isinstance(cell, str) else cell or ()
    codes = (code for one in raw if one and (code := normalise_cell(system, one)) is not None)
    return tuple(dict.fromkeys(codes))


def _codes_of_row(source: Path, number: int, system: str, cell: str | Sequence[str | None] | None) -> tuple[Code, ...]:
    try:
        return _codes(system, cell)
    except NoCode as error:
        raise MalformedInput(
            f"data row {number:,} of '{source}' holds what is {error}: correct it, or name its --system"
        ) from None


def _require_known(source: Path, codes: set[Code], titles: dict[Code, str], system: str) -> None:
    """Refuse a table most of whose distinct codes are in no table of the system."""
    unknown = codes - titles.keys()
    if 2 * len(unknown) <= len(codes):
        return
    better = _better_system(codes, system)
    if better is None:  # no example: they may be the words of a note
        hint = "check --system and --codes"
    else:
        example = min(_codes_of(better, unknown)).code
        hint = f"for example {example}: do they belong to --system {better}?"
    raise MalformedInput(
        f"{len(unknown):,} of the {len(codes):,} distinct codes of '{source}' are in no {system} table: {hint}"
    )


def _better_system(codes: set[Code], system: str) -> str | None:
    count, best = max((len(_codes_of(other, codes)), other) for other in SYSTEMS if other != system)
    return best if 2 * count > len(codes) else None


def _codes_of(system: str, codes: set[Code]) -> set[Code]:
    """Those that would be codes of the system."""
    titles = published_titles([system])
    return {code for code in codes if _reads_as(system, code.code) in titles}


def _reads_as(system: str, code: str) -> Code | None:
    try:
        return normalise_cell(system, code)
    except NoCode:
        return None


def _documents(table: TableSource, rows: dict[int, _Row], record: Record) -> Iterator[Document]:
    place = 0
    dropped: Counter[str] = Counter()
    for batch in table.batches([table.text]):
        for text in batch[table.text]:
            if (row := rows.get(place)) is not None:
                if text and text.strip():
                    yield Document(row.document, row.subject, row.split, text, row.codes)
                else:
                    dropped["empty"] += 1
            place += 1
    record.count("rows dropped: code but no text", dropped["empty"])
