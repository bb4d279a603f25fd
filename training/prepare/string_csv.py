"""A CSV file as batches of string columns: .csv or .csv.gz, UTF-8, quoted text over lines, memory bounded.

Every value is a string: a number guessed from a code column would lose its leading zeros. polars' own
messages quote the offending cells, which may be note text: :func:`fault` replaces them, without a cause.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.csv

from model.errors import MalformedInput, MissingInput

BATCH_ROWS = 5_000  # about 10 MB of notes; larger batches are no faster and hold more memory
ARROW_BLOCK = 16 << 20  # bytes; a row must fit in one
csv.field_size_limit(1 << 30)  # a discharge summary is longer than the default of 128 KiB allows


def csv_header(path: Path) -> list[str]:
    """Column names as the file spells them.

    Raises:
        MissingInput: the file is not there or cannot be opened.
        MalformedInput: it is empty, not UTF-8, or a broken .gz.
    """
    try:
        with _open(path) as file:
            first = next(csv.reader(_lines(file), strict=True), None)
    except (UnicodeDecodeError, csv.Error, EOFError, zlib.error, gzip.BadGzipFile):
        raise fault(path, 0) from None
    except OSError as error:
        raise MissingInput(f"cannot read '{path}' ({error.strerror}): check the path and its permissions") from error
    if not first:
        raise MalformedInput(f"'{path}' is empty, not even a header is there: copy or download it again")
    return first


def csv_batches(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The named columns in file order, ``BATCH_ROWS`` rows at a time, every one a string ("" where empty).

    A row with too few fields is refused after the last batch. polars fills its last field with null. An unquoted empty
    field is null too, so a file with such a null is read once more to tell the two apart.

    Raises:
        MalformedInput: the file breaks off, is not UTF-8, or has a quote or a row that does not end.
    """
    header = csv_header(path)
    last = header[-1]
    scan = pl.scan_csv(path, infer_schema=False, glob=False).select(list(dict.fromkeys([*columns, last])))
    filled = scan.with_columns(pl.exclude(last).fill_null(""))
    perhaps_short = False
    try:
        for batch in filled.collect_batches(chunk_size=BATCH_ROWS, engine="streaming"):
            if batch[last].null_count():
                perhaps_short = True
                batch = batch.with_columns(pl.col(last).fill_null(""))
            yield batch.select(columns) if batch.width > len(columns) else batch
    except (pl.exceptions.PolarsError, OSError):
        raise fault(path, len(header)) from None
    if perhaps_short and not _arrow_finds_whole_rows(path, header):
        require_whole_rows(path)


def _arrow_finds_whole_rows(path: Path, header: Sequence[str]) -> bool:
    """Whether every row has the header's number of fields, by a reader that is strict about it and seven times faster.

    False may have another reason, such as a quote that is not doubled; Python's reader then decides and finds the line.
    """
    options = pa.csv.ConvertOptions(include_columns=[header[0]], column_types={header[0]: pa.binary()})
    try:
        with _open(path) as file:
            reader = pa.csv.open_csv(
                pa.PythonFile(file, "r"),
                read_options=pa.csv.ReadOptions(block_size=ARROW_BLOCK),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=options,
            )
            for _ in reader:
                pass
    except (pa.ArrowException, OSError, EOFError, zlib.error):
        return False
    return True


def read_csv(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """The named columns of a small table."""
    frames = list(csv_batches(path, columns))
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(columns, pl.String))


def require_whole_rows(path: Path) -> None:
    """Raise MalformedInput for a row with too few fields; slow, a pass of Python over the file."""
    if (found := _first_fault(path, len(csv_header(path)))) is not None:
        raise MalformedInput(found)


def fault(path: Path, width: int) -> MalformedInput:
    """What is wrong with a CSV file that could not be read, with its line; no cell is quoted."""
    found = _first_fault(path, width)
    return MalformedInput(
        found or f"'{path}' cannot be read as CSV: compare its SHA-256 with the source's and copy it again"
    )


def _first_fault(path: Path, width: int) -> str | None:
    """``width``: fields that every row should have; 0: not checked."""
    line = _Position()
    begin = 1
    try:
        with _open(path) as file:
            reader = csv.reader(_lines(file, line), strict=True)
            for row in reader:
                if width and row and len(row) != width:
                    return (
                        f"the row that begins in line {begin:,} of '{path}' has {len(row)} fields, "
                        f"expected {width}: "
                        "quote text that holds commas or line breaks, double the quotes inside, or take "
                        "the file again"
                    )
                begin = reader.line_num + 1
    except UnicodeDecodeError:
        return (
            f"'{path}' is not UTF-8 (line {line.number:,}): convert it, for example with "
            f"`iconv -f LATIN1 -t UTF-8`, and name the converted file"
        )
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return f"'{path}' breaks off or is damaged after line {line.number:,}: copy or download it again"
    except csv.Error:
        return (
            f"the row that begins in line {begin:,} of '{path}' has a quote that is never closed or not "
            "doubled: "
            "fix the row, or copy or download the file again"
        )
    return None


class _Position:
    """Number of the line that was read last."""

    number = 0


def _lines(file: BinaryIO, position: _Position | None = None) -> Iterator[str]:
    encoding = "utf-8-sig"  # a byte order mark may open the first line only
    for number, line in enumerate(file, start=1):
        if position is not None:
            position.number = number
        yield line.decode(encoding)
        encoding = "utf-8"


def _open(path: Path) -> BinaryIO:
    """The decompressed bytes; gzip is recognised by its first bytes, as polars does."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]
