"""A user's table, .csv(.gz) or .parquet, as batches of string columns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from model.errors import InvalidOption, MalformedInput, MissingInput
from training.prepare.string_csv import BATCH_ROWS, csv_batches, csv_header, require_whole_rows

LONGEST_NAME = 30
"""Characters of a column's name in messages; a longer one may be a note, in a file without a header."""


@dataclass(frozen=True)
class TableSource:
    """An opened table whose columns were checked."""

    text: str
    batches: Callable[[Sequence[str]], Iterator[pl.DataFrame]]


def open_table(source: Path, text: str, codes: str, keys: Sequence[str]) -> TableSource:
    """Check the file and its columns.

    Raises:
        MissingInput: the file or a column is not there.
        InvalidOption: the file is neither .csv, .csv.gz nor .parquet.
        MalformedInput: it cannot be read, or its codes are numbers.
    """
    if not source.is_file():
        raise MissingInput(f"'{source}' is not a file: --source is a .csv, .csv.gz or .parquet file")
    name = source.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        _require_columns(source, csv_header(source), [text, *keys])
        require_whole_rows(source)
        return TableSource(text, lambda columns: csv_batches(source, columns))
    if name.endswith(".parquet"):
        schema = _parquet_schema(source)
        _require_columns(source, list(schema), [text, *keys])
        _require_strings(source, codes, schema[codes])
        return TableSource(text, lambda columns: _parquet_batches(source, columns))
    raise InvalidOption(
        f"--source '{source}' is neither .csv, .csv.gz nor .parquet: convert it, or rename it by its format"
    )


def _require_columns(source: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        shown = ", ".join(name if len(name) <= LONGEST_NAME else "a long text" for name in found[:20])
        raise MissingInput(f"'{source}' has no column '{missing[0]}' (found: {shown}): name one of these")


def _require_strings(source: Path, codes: str, dtype: pl.DataType) -> None:
    if dtype not in (pl.String, pl.List(pl.String), pl.Categorical):
        raise MalformedInput(
            f"the column '{codes}' of '{source}' holds {dtype}, expected strings or lists of strings: "
            "a code read as a number has lost its leading zeros, so write the file again with codes as text"
        )


def _parquet_schema(source: Path) -> pl.Schema:
    try:
        return pl.scan_parquet(source, glob=False).collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        raise _damaged(source) from None


def _parquet_batches(source: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Lists stay lists, everything else becomes a string; null stays null."""
    scan = pl.scan_parquet(source, glob=False).select(columns)
    schema = scan.collect_schema()
    scalars = [name for name in columns if not isinstance(schema[name], pl.List)]
    try:
        yield from scan.with_columns(pl.col(scalars).cast(pl.String)).collect_batches(chunk_size=BATCH_ROWS)
    except (pl.exceptions.PolarsError, OSError):
        raise _damaged(source) from None


def _damaged(source: Path) -> MalformedInput:
    return MalformedInput(f"'{source}' cannot be read as parquet: write or copy it again")
