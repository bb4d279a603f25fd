"""The tables of a MIMIC edition as files: .csv or .csv.gz, headers in upper or lower case, every cell a string."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.errors import MalformedInput, MissingInput
from training.prepare.string_csv import csv_batches, csv_header, read_csv

Files = Mapping[str, Path]  # by lower-case name


@dataclass(frozen=True)
class Table:
    """A file and the columns that are read from it, upper case."""

    name: str
    path: Path
    columns: tuple[str, ...]
    edition: str

    def batches(self) -> Iterator[pl.DataFrame]:
        """The columns under their upper-case names, a batch at a time."""
        spelled = self.spelled_columns()
        for batch in csv_batches(self.path, list(spelled)):
            yield batch.rename(spelled)

    def read(self) -> pl.DataFrame:
        """The columns of a small table under their upper-case names."""
        spelled = self.spelled_columns()
        return read_csv(self.path, list(spelled)).rename(spelled)

    def spelled_columns(self) -> dict[str, str]:
        """The file's spelling of each column -> the upper-case name.

        Raises:
            MissingInput: a column is not there; MalformedInput: the header cannot be read.
        """
        found = csv_header(self.path)
        spelled = {name.strip().upper(): name for name in found}
        missing = [name for name in self.columns if name not in spelled]
        if missing:
            raise MissingInput(
                f"'{self.path}' has no column {', '.join(missing)} (found: {', '.join(found[:12])}): "
                f"use the file of {self.edition} as PhysioNet ships it"
            )
        return {spelled[name]: name for name in self.columns}


@dataclass(frozen=True)
class CodeTable(Table):
    """A table of assigned codes of one system; ``code`` names their column.

    ``version`` is the ICD_VERSION whose rows are taken; None where the table has no such column.
    """

    system: str
    code: str
    version: str | None = None


@dataclass(frozen=True)
class TitleTable(Table):
    """A table of code titles of one system; see :class:`CodeTable`."""

    system: str
    code: str
    title: str
    version: str | None = None


@dataclass(frozen=True)
class NoteTable(Table):
    """A table with discharge summaries.

    ``category``: the CATEGORY that is read; None: every row is a discharge summary. ``row_id``: the column that
    numbers the rows; None: they are numbered by their place, the first data row is 1. ``order``: what an admission's
    notes are sorted by, the row's number last.
    """

    category: str | None
    row_id: str | None
    order: tuple[pl.Expr, ...]

    @property
    def source_rows(self) -> str:
        """What the numbers in ``source_rows`` mean, for the manifest."""
        return f"{self.row_id} of {self.name}" if self.row_id else f"data rows of {self.name}, the first is 1"


@dataclass(frozen=True)
class MimicTables:
    """The tables of an edition. Without title tables, published titles are used."""

    notes: NoteTable
    codes: tuple[CodeTable, ...]
    titles: tuple[TitleTable, ...]

    @property
    def paths(self) -> list[Path]:
        """Every file once."""
        return list(dict.fromkeys(table.path for table in (self.notes, *self.codes, *self.titles)))

    def require_columns(self) -> "MimicTables":
        """Raise MissingInput for a missing column, before any long reading."""
        for table in (self.notes, *self.codes, *self.titles):
            table.spelled_columns()
        return self


def files_in(folder: Path) -> Files:
    """Files and folders of a folder by their lower-case names; nothing where it is absent."""
    return {path.name.lower(): path for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def find(files: Files, table: str) -> Path | None:
    """The table's .csv, or else its .csv.gz."""
    name = f"{table.lower()}.csv"
    return files.get(name) or files.get(f"{name}.gz")


def require(folder: Path, files: Files, table: str, edition: str) -> Path:
    """The table's file, or MissingInput."""
    if (path := find(files, table)) is None:
        raise MissingInput(
            f"'{folder}' has no {table}.csv or {table}.csv.gz: --source is the folder with the tables of {edition}"
        )
    return path


def whole_numbers(path: Path, column: pl.Series, data_rows: pl.Series) -> pl.Series:
    """An identifier column as int64, null where it is empty.

    Args:
        data_rows: number of each row in the file, for the message.

    Raises:
        MalformedInput: a value is not a whole number; the data row is named (a shifted cell may hold note text).
    """
    if column.dtype != pl.String:
        return column
    stripped = column.str.strip_chars()
    numbers = stripped.cast(pl.Int64, strict=False)
    if numbers.null_count() and len(broken := (numbers.is_null() & (stripped != "")).arg_true()):
        raise MalformedInput(
            f"{column.name} in data row {data_rows[broken[0]]:,} of '{path}' is not a whole number: "
            "use the file as PhysioNet ships it, not one saved by a spreadsheet or a data frame"
        )
    return numbers
