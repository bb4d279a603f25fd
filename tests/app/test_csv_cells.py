"""No cell of a table that this program writes is a formula for a spreadsheet."""

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.coding.csv_codes import csv_codes
from app.jobs.repository import ResultRow
from app.jobs.result_lines import csv_lines
from app.reviews.csv_export import _line
from app.wire import plain_cell
from icd_coder_client.coding import SuggestedCode


@given(st.text() | st.floats() | st.integers())
def test_a_text_that_begins_like_a_formula_gets_a_quote(value: str | float) -> None:
    """Also behind a quote of its own, so that the guard can be taken off; what is none, and every number, stays."""
    starts = isinstance(value, str) and value.lstrip("'")[:1] in set("=+-@\t\r")
    assert plain_cell(value) is value or value != value or plain_cell(value) == (f"'{value}" if starts else value)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_table_is_defused(start: str) -> None:
    """The codes of an answer, the results of a job, and the reviewed notes, whose texts are the clients' own."""
    evil = f"{start}cmd|' /C calc'!A0"
    code = SuggestedCode(
        rank=1, system="icd9cm", code="401.9", title=evil, probability=0.5, threshold=0.5, selected=True,
        train_count=1, seen_in_training=True, channels=[], evidence=[], no_span=None, neighbour_count=0, support=None,
    )  # fmt: skip
    problem = '{"type": "urn:icd-coder:problem:invalid-note", "title": "t", "status": 422, "detail": "d"}'
    tables = [csv_codes([code]), "".join(csv_lines([ResultRow(1, evil, True, problem)])), _line([evil, evil])]
    cells = [cell for table in tables for row in csv.reader(StringIO(table, newline="")) for cell in row]
    assert f"'{evil}" in cells
    assert not [cell for cell in cells if cell.startswith(start)]
