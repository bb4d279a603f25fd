"""A CSV file as batches of string columns: .csv or .csv.gz, UTF-8, quoted text over lines, memory bounded.

Every value is a string: a number guessed from a code column would lose its leading zeros. polars' own
messages quote the offending cells, which may be note text: :func:`fault` replaces them, without a cause.
polars reads, because Python's reader takes seven times as long for MIMIC's notes; where they could disagree, at a
quote inside of an unquoted field, the file is refused (:mod:`training.prepare.quote_check`).
"""

import csv
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.csv

from model.errors import MalformedInput, MissingInput
from training.prepare.quote_check import line_of_odd_quote
from training.prepare.source_files import DAMAGED_GZIP, LONGEST_NAME, open_decompressed
from training.prepare.table_rows.file_kind import FileKind, file_kind
from training.prepare.table_rows.text_encoding import conversion

BATCH_ROWS = 5_000  # about 10 MB of notes; larger batches are no faster and hold more memory
ARROW_BLOCK = 16 << 20  # bytes; a row must fit in one
csv.field_size_limit(1 << 30)  # a discharge summary is longer than the default of 128 KiB allows


def csv_header(path: Path) -> list[str]:
    """Column names as the file spells them.

    Raises:
        MissingInput: the file is not there or cannot be opened.
        MalformedInput: it is empty, no text, not UTF-8, or a broken .gz, or a column occurs twice.
    """
    try:
        if file_kind(path) is not FileKind.TEXT:
            raise MalformedInput(f"'{path}' is no CSV file by its first bytes: write the table as CSV, in UTF-8")
        with open_decompressed(path) as file:
            first = next(csv.reader(_lines(file), strict=True), None)
    except (UnicodeDecodeError, csv.Error, *DAMAGED_GZIP):
        raise fault(path, 0) from None
    except OSError as error:
        raise MissingInput(f"cannot read '{path}' ({error.strerror}): check the path and its permissions") from error
    if not first:
        raise MalformedInput(f"'{path}' is empty, not even a header is there: copy or download it again")
    name, times = Counter(first).most_common(1)[0]
    if times > 1:
        shown = name if len(name) <= LONGEST_NAME else "of a long name"
        raise MalformedInput(f"'{path}' has {times} columns '{shown}': give each a name of its own in the header")
    return first


def csv_batches(path: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The named columns in file order, ``BATCH_ROWS`` rows at a time, every one a string ("" where empty).

    A row with too few fields is refused after the last batch, and so is a quote where none may stand. polars fills the
    last field of a short row with null. An unquoted empty field is null too, so a file with such a null is read once
    more to tell the two apart.

    Raises:
        MalformedInput: the file breaks off, is not UTF-8, or has a quote or a row that does not end.
    """
    header = csv_header(path)
    last = header[-1]
    scan = pl.scan_csv(path, infer_schema=False, glob=False).select(list(dict.fromkeys([*columns, last])))
    filled = scan.with_columns(pl.exclude(last).fill_null(""))
    perhaps_short = False
    with _checking_quotes(path) as require_right_quotes:
        try:
            for batch in filled.collect_batches(chunk_size=BATCH_ROWS, engine="streaming"):
                if batch[last].null_count():
                    perhaps_short = True
                    batch = batch.with_columns(pl.col(last).fill_null(""))
                yield batch.select(columns) if batch.width > len(columns) else batch
        except (pl.exceptions.PolarsError, OSError):
            raise fault(path, len(header)) from None
        require_right_quotes()
    if perhaps_short and not _arrow_finds_whole_rows(path, header):
        require_whole_rows(path)


def _arrow_finds_whole_rows(path: Path, header: Sequence[str]) -> bool:
    """Whether every row has the header's number of fields, by a reader that is strict about it and seven times faster.

    False may have another reason, such as a quote that is not doubled; Python's reader then decides and finds the line.
    """
    options = pa.csv.ConvertOptions(include_columns=[header[0]], column_types={header[0]: pa.binary()})
    try:
        with open_decompressed(path) as file:
            reader = pa.csv.open_csv(
                pa.PythonFile(file, "r"),
                read_options=pa.csv.ReadOptions(block_size=ARROW_BLOCK),
                parse_options=pa.csv.ParseOptions(newlines_in_values=True),
                convert_options=options,
            )
            for _ in reader:
                pass
    except (pa.ArrowException, OSError, *DAMAGED_GZIP):
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
    if found is None and (line := _line_of_odd_quote(path)) is not None:
        return _odd_quote(path, line)
    return MalformedInput(
        found or f"'{path}' cannot be read as CSV: compare its SHA-256 with the source's and copy it again"
    )


@contextmanager
def _checking_quotes(path: Path) -> Iterator[Callable[[], None]]:
    """Check in a thread while the block reads: numpy and zlib release the GIL, and the file cache is shared.

    Yields a function that waits for the check and raises MalformedInput.
    """
    stop = threading.Event()

    def require() -> None:
        if (line := check.result()) is not None:
            raise _odd_quote(path, line)

    with ThreadPoolExecutor(1, "quotes") as thread:
        check = thread.submit(_line_of_odd_quote, path, stop)
        try:
            yield require
        finally:
            stop.set()  # after an error or Ctrl-C, do not wait for the end of the file


def _line_of_odd_quote(path: Path, stop: threading.Event | None = None) -> int | None:
    try:
        return line_of_odd_quote(path, stop)
    except (OSError, *DAMAGED_GZIP):
        return None  # the reader says what is damaged


def _odd_quote(path: Path, line: int) -> MalformedInput:
    return MalformedInput(
        f"line {line:,} of '{path}' has a quote inside of an unquoted field, or one that is not doubled: put the field "
        "in quotes and double the quotes inside"
    )


def _first_fault(path: Path, width: int) -> str | None:
    """``width``: fields that every row should have; 0: not checked."""
    line = _Position()
    begin = 1
    try:
        with open_decompressed(path) as file:
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
            f"`iconv -f {conversion(path)} -t UTF-8`, and name the converted file"
        )
    except DAMAGED_GZIP:
        return f"'{path}' breaks off or is damaged after line {line.number:,}: copy or download it again"
    except csv.Error:
        if _ends_lines_in_cr(path):
            return f"the lines of '{path}' end in CR alone: convert them, for example with `tr '\\r' '\\n'`"
        return (
            f"the row that begins in line {begin:,} of '{path}' has a quote that is never closed or not "
            "doubled: "
            "fix the row, or copy or download the file again"
        )
    return None


def _ends_lines_in_cr(path: Path) -> bool:
    """Whether the file begins as old spreadsheets for the Mac write it."""
    with open_decompressed(path) as file:
        head = file.read(ARROW_BLOCK)
    return b"\r" in head and b"\n" not in head


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
