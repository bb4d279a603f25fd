"""Rows of a sheet of an Excel workbook (.xlsx), by openpyxl, which tells a number from text cell by cell."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from model.errors import MalformedInput
from training.prepare.table_rows.rows import Row, Rows, Value


def open_workbook(path: Path, has_columns: Callable[[Sequence[str]], bool]) -> Rows:
    """Open the one sheet whose first row has the wanted columns; the only sheet where none has them.

    Raises:
        MalformedInput: the workbook cannot be read, or several sheets have the columns.
    """
    with _workbook(path) as book:
        headers = {sheet.title: _header(sheet) for sheet in book.worksheets}
    fitting = [title for title, header in headers.items() if has_columns(header)]
    if len(fitting) > 1:
        raise MalformedInput(f"{len(fitting)} sheets of '{path}' have these columns: save the one to read on its own")
    if not headers:
        raise MalformedInput(f"'{path}' has no sheet: save the table as .xlsx or .csv again")
    title = fitting[0] if fitting else next(iter(headers))
    header = headers[title]
    place = str(1 + list(headers).index(title))
    return Rows(
        header, lambda positions: _rows(path, title, positions), {"format": "Excel workbook", "sheet number": place}
    )


def _header(sheet: Any) -> tuple[str, ...]:
    sheet.reset_dimensions()  # some writers state them wrongly
    first = next(sheet.iter_rows(values_only=True), ())
    return tuple("" if cell is None else str(cell) for cell in first)


def _rows(path: Path, title: str, positions: Sequence[int]) -> Iterator[Row]:
    with _workbook(path) as book:
        sheet = book[title]
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(min_row=2, values_only=True), start=1):
            if any(cell is not None for cell in cells):
                yield Row(number, [_value(cells[one]) if one < len(cells) else None for one in positions])


def _value(cell: Value) -> Value:
    """Text without the escapes of the file format, such as _x000D_ for a carriage return."""
    return unescape(cell) if isinstance(cell, str) and "_x" in cell else cell


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:  # given a path, openpyxl would judge it by its name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of styles and validations, which are not read
                book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield book
            book.close()
    except Exception:  # noqa: BLE001 - openpyxl, zipfile, zlib and expat have a dozen for a damaged file
        raise MalformedInput(f"'{path}' cannot be read as a workbook: save it as .xlsx or .csv again") from None
