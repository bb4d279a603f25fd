"""Opens a user's table by what the file is: text with delimiters, JSON lines, parquet, or a workbook."""

from collections.abc import Callable, Sequence
from pathlib import Path

from model.errors import InvalidOption, MalformedInput, MissingInput
from training.prepare.table_rows.delimited_text import open_delimited
from training.prepare.table_rows.file_kind import FileKind, file_kind
from training.prepare.table_rows.json_lines import open_json_lines
from training.prepare.table_rows.parquet_table import open_parquet
from training.prepare.table_rows.rows import Rows
from training.prepare.table_rows.workbook import open_workbook

DELIMITED = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson")
FORMATS = ".csv, .tsv, .txt or .jsonl (also with .gz), .parquet or .xlsx"


def open_table(
    source: Path,
    has_columns: Callable[[Sequence[str]], bool],
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Rows:
    """Open a table; what the file is decides, its name only between delimited text and JSON lines.

    Args:
        has_columns: whether a header has the wanted columns.
        delimiter, encoding: overrule what is sniffed.

    Raises:
        MissingInput: the file is not there.
        InvalidOption: its name says no format, or an option does not apply to it.
        MalformedInput: it cannot be read.
    """
    if source.is_dir():
        raise MissingInput(f"'{source}' is a folder: write the table as one file, or name the file in it")
    if not source.is_file():
        raise MissingInput(f"'{source}' is not a file: --source is a {FORMATS} file")
    try:
        kind = file_kind(source)
    except PermissionError as error:
        raise MissingInput(f"cannot read '{source}' ({error.strerror}): check its permissions") from error
    name = source.name.lower().removesuffix(".gz")
    if kind is FileKind.TEXT and name.endswith(DELIMITED):
        table = open_delimited(source, has_columns, delimiter, encoding)
        if table.header[0].lstrip().startswith(("{", "[")) and not has_columns(table.header):
            raise MalformedInput(f"'{source}' holds JSON: write one object a line, and name the file .jsonl")
        return table
    _require_none(source, "--delimiter", delimiter)
    if kind is FileKind.TEXT and name.endswith(JSON_LINES):
        return open_json_lines(source, encoding)
    if kind is FileKind.TEXT and name.endswith((".parquet", ".xlsx")):
        raise MalformedInput(f"'{source}' does not begin as its name says: copy it again, or rename it by its format")
    if kind is FileKind.TEXT:
        raise InvalidOption(f"--source '{source}' is named neither {FORMATS}: convert it, or rename it by its format")
    _require_none(source, "--encoding", encoding)
    return open_parquet(source) if kind is FileKind.PARQUET else open_workbook(source, has_columns)


def _require_none(source: Path, option: str, value: str | None) -> None:
    if value is not None:
        raise InvalidOption(f"{option} is for text files with delimiters, and '{source}' is none: leave it out")
