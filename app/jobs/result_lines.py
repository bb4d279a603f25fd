"""The results of a job as JSON lines, or as a CSV table with one row for each code."""

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO

from app.coding.csv_codes import COLUMNS as CODE_COLUMNS
from app.coding.csv_codes import code_cells
from app.jobs.repository import ResultRow
from app.problem_table import TYPE_PREFIX
from app.wire import plain_cell
from icd_coder_client.answer import Problem
from icd_coder_client.coding import PredictAnswer

COLUMNS = ("line", "id", *CODE_COLUMNS, "problem")


def json_lines(rows: Iterable[ResultRow]) -> Iterator[str]:
    """One :class:`JobResult` for each line, in ASCII."""
    for row in rows:
        kind = "problem" if row.failed else "answer"
        yield f'{{"line": {row.sequence}, "id": {json.dumps(row.item_id)}, "{kind}": {row.content}}}\n'


def csv_lines(rows: Iterable[ResultRow]) -> Iterator[str]:
    """A header, then one row for each code (RFC 4180).

    A note without codes has one row with empty cells; a failed note has one with the last part of its problem's type.
    """
    yield _line(COLUMNS)
    for row in rows:
        place = (row.sequence, row.item_id)
        if row.failed:
            slug = Problem.model_validate_json(row.content).type.removeprefix(TYPE_PREFIX)
            yield _line((*place, *[""] * len(CODE_COLUMNS), slug))
            continue
        codes = PredictAnswer.model_validate_json(row.content).codes
        for cells in [code_cells(code) for code in codes] or [("",) * len(CODE_COLUMNS)]:
            yield _line((*place, *cells, ""))


def _line(cells: Iterable[object]) -> str:
    line = StringIO()
    csv.writer(line).writerow(map(plain_cell, cells))
    return line.getvalue()
