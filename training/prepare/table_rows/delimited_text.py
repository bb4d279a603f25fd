"""Rows of a text file with delimiters, by Python's reader: what it checks is what is read.

A quote inside of an unquoted field is a character like any other (an inch mark); a quoted field ends with its quote.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TextIO

from model.errors import InvalidOption, MalformedInput
from training.prepare.source_files import DAMAGED_GZIP, open_decompressed
from training.prepare.table_rows.rows import Row, Rows
from training.prepare.table_rows.text_encoding import shown_encoding, text_encoding

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_NAMED = {name: delimiter for delimiter, name in DELIMITERS.items()} | {"\\t": "\t"}
_EXCEL_MARK = re.compile(r'"?sep=(.)"?[\r\n]*')
csv.field_size_limit(1 << 30)  # a discharge summary is longer than the default of 128 KiB allows


class _Form(NamedTuple):
    """How a file is read."""

    path: Path
    codec: str
    delimiter: str


def open_delimited(
    path: Path, has_columns: Callable[[Sequence[str]], bool], delimiter: str | None = None, encoding: str | None = None
) -> Rows:
    """Open a .csv, .tsv or .txt file.

    Args:
        has_columns: whether a header has the wanted columns; the delimiter that makes such a header is taken.
        delimiter, encoding: overrule what the file says.

    Raises:
        InvalidOption: an unknown delimiter or encoding.
        MalformedInput: the file is empty or of no certain encoding, or its header breaks off.
    """
    codec = text_encoding(path, encoding)
    form = _Form(path, codec, _delimiter(path, codec, has_columns, delimiter))
    read_as = {
        "format": "delimited text",
        "delimiter": DELIMITERS.get(form.delimiter, form.delimiter),
        "encoding": shown_encoding(codec),
    }
    header = tuple(_header(form))
    return Rows(header, lambda positions: _rows(form, len(header), positions), read_as)


def _delimiter(path: Path, codec: str, has_columns: Callable[[Sequence[str]], bool], named: str | None) -> str:
    if named is not None:
        found = _NAMED.get(named.lower(), named)
        if len(found) != 1 or found in '"\r\n':
            raise InvalidOption(
                f"--delimiter {named} is no delimiter: name {', '.join(DELIMITERS.values())} or one character"
            )
        return found
    with _text(path, codec) as file:
        if mark := _EXCEL_MARK.fullmatch(file.readline(16)):
            return mark[1]
    headers = {delimiter: header for delimiter in DELIMITERS if (header := _try_header(path, codec, delimiter))}
    if not headers:
        _header(_Form(path, codec, ","))  # says what is wrong
    return next(
        (delimiter for delimiter, header in headers.items() if has_columns(header)),
        max(headers, key=lambda delimiter: len(headers[delimiter])),
    )


def _try_header(path: Path, codec: str, delimiter: str) -> list[str] | None:
    try:
        return _header(_Form(path, codec, delimiter))
    except MalformedInput:
        return None


def _header(form: _Form) -> list[str]:
    for _, fields in _records(form):
        return fields
    raise MalformedInput(f"'{form.path}' is empty, not even a header is there: copy or download it again")


def _rows(form: _Form, width: int, positions: Sequence[int]) -> Iterator[Row]:
    records = _records(form)
    next(records)
    for number, (line, fields) in enumerate(records, start=1):
        if len(fields) != width:
            raise MalformedInput(
                f"the row that begins in line {line:,} of '{form.path}' has {len(fields)} fields, expected {width}: "
                "quote text that holds the delimiter or line breaks, double the quotes inside, or take the file again"
            )
        yield Row(number, [fields[position] for position in positions])


def _records(form: _Form) -> Iterator[tuple[int, list[str]]]:
    """Line of the first character, and the fields, of every record; blank lines are passed over."""
    begin = 1
    with _text(form.path, form.codec) as file:
        if _EXCEL_MARK.fullmatch(file.readline(16)):
            begin = 2
        else:
            file.seek(0)
        reader = csv.reader(file, delimiter=form.delimiter, strict=True)
        offset = begin
        try:
            for fields in reader:
                if fields:
                    yield begin, fields
                begin = reader.line_num + offset
        except csv.Error:
            raise MalformedInput(
                f"the row that begins in line {begin:,} of '{form.path}' has a quote that is never closed or not "
                "doubled: fix the row, or copy or download the file again"
            ) from None


@contextmanager
def _text(path: Path, codec: str) -> Iterator[TextIO]:
    """The decoded file; a line ends with LF, CR LF or CR, and keeps its end."""
    try:
        with open_decompressed(path) as file, io.TextIOWrapper(file, encoding=codec, newline="") as text:
            yield text
    except (UnicodeError, *DAMAGED_GZIP):
        raise MalformedInput(f"'{path}' changed while it was read, or is damaged: copy or download it again") from None
