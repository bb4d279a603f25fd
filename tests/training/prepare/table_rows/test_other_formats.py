"""Rows of JSON lines, parquet and workbooks."""

import datetime as dt
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from model.errors import InvalidOption, MalformedInput, MissingInput
from tests.training.prepare.small_tables import CODED, prepared
from training.prepare.table_columns import TableColumns
from training.prepare.table_rows.workbook import open_workbook
from training.prepare.table_source import open_table

ROWS = [("a", "First.", "I10; E11.9"), ("b", "Second,\nline.", "J18.9")]
CODES = [["I10", "E11.9"], ["J18.9"]]


def parquet(folder: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def workbook(folder: Path, *rows: tuple[Any, ...], name: str = "t.xlsx") -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("id", "note", "icd"), *rows):
        sheet.append(row)
    book.save(folder / name)
    return folder / name


def json_lines(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / "t.jsonl"


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    """A workbook named .csv and parquet named .txt too, because the first bytes decide."""
    objects = [dict(zip(("id", "note", "icd"), row, strict=True)) for row in ROWS]
    columns = {name: pa.array([row[place] for row in ROWS]) for place, name in enumerate(("id", "note", "icd"))}
    paths = [workbook(tmp_path, *ROWS), workbook(tmp_path, *ROWS, name="t.csv"), json_lines(tmp_path, *objects)]
    paths += [parquet(tmp_path, **columns), tmp_path / "t.txt", tmp_path / "t.ndjson.gz"]
    paths[4].write_bytes(paths[3].read_bytes())
    paths[5].write_bytes(gzip.compress(paths[2].read_bytes()))
    found = [prepared(path) for path in paths]
    assert all(one.documents == found[0].documents for one in found)
    assert found[0].codes() == CODES
    assert [one.read_as["format"] for one in found[:4]] == ["Excel workbook", "Excel workbook", "JSON lines", "parquet"]


@pytest.mark.parametrize(
    "codes",
    [
        pa.array([["I10", None, "E11.9"], ["J18.9"]], pa.list_(pa.string())),
        pa.array([["I10", "E11.9"], ["J18.9"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        pa.array([["I10", "E11.9"], ["J18.9", None]], pa.list_(pa.string(), 2)),
        pa.array([["I10", "E11.9"], ["J18.9"]], pa.large_list(pa.large_string())),
        pa.array(["I10 E11.9", "J18.9"]).dictionary_encode(),
        pa.array([b"I10 E11.9", b"J18.9"]),
        pa.array(["I10 E11.9", "J18.9"], pa.string_view()),
    ],
    ids=["list", "list of categories", "fixed size", "large", "category", "binary", "view"],
)
def test_text_in_any_type_of_parquet(tmp_path: Path, codes: pa.Array) -> None:
    """What Spark, pandas and pyarrow write."""
    ids = pa.array([decimal.Decimal(7), decimal.Decimal(8)], pa.decimal128(38, 0))
    found = prepared(parquet(tmp_path, id=ids, note=pa.array([b"First.", b"Second."]), icd=codes))
    assert found.codes() == CODES
    assert list(found.documents) == ["7", "8"]


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("note", pa.array([["First."]]), "a list, expected text"),
        ("note", pa.array([{"a": "First."}]), "a structure with fields, expected text"),
        ("note", pa.array([b"\xff\xfe\xfd"]), "bytes that are no UTF-8"),
        ("note", pa.array([[("a", "First.")]], pa.map_(pa.string(), pa.string())), "a list, expected text"),
        ("icd", pa.array([{"code": "I10"}]), "a structure with fields, expected text or a list of texts"),
        ("icd", pa.array([[{"code": "I10"}]]), "a structure with fields, expected text or a list of texts"),
        ("icd", pa.array([41.49]), "a number, expected text: .* lost its leading zeros"),
        ("icd", pa.array([[66]]), "a number, expected text"),
        ("icd", pa.array([decimal.Decimal("41.49")]), "a number, expected text"),
        ("icd", pa.array([True]), "a value of type bool"),
        ("id", pa.array([["a"]]), "a list, expected text"),
        ("id", pa.array([1.0]), "an id written as a number with a fraction"),
        ("id", pa.array([decimal.Decimal("1.00")]), "an id written as a number with a fraction"),
        ("id", pa.array(["a\0b"]), "a control character"),
    ],
)
def test_another_type_in_parquet_is_named(tmp_path: Path, column: str, cells: pa.Array, said: str) -> None:
    """With its column and row, without a traceback and without a cell."""
    columns = {"id": pa.array(["a"]), "note": pa.array(["First."]), "icd": pa.array(["I10"]), column: cells}
    with pytest.raises(MalformedInput, match=f"the column '{column}' .* in data row 1, {said}") as caught:
        prepared(parquet(tmp_path, **columns))
    assert "First" not in str(caught.value)


def test_a_type_that_python_lacks_is_named(tmp_path: Path) -> None:
    """Nanoseconds of a duration."""
    source = parquet(tmp_path, id=pa.array(["a"]), note=pa.array(["A."]), icd=pa.array([1], pa.duration("ns")))
    with pytest.raises(MalformedInput, match=r"the column 'icd' .* holds duration\[ns\]"):
        prepared(source)


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("ns"), pa.timestamp("us", "UTC")])
def test_dates_of_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    """For --date-column."""
    days = pa.array([dt.datetime(2015, 9, 30), dt.datetime(2015, 10, 1)], pa.timestamp("ns")).cast(kind)
    source = parquet(tmp_path, note=pa.array(["A.", "B."]), icd=pa.array(["401.9", "I10"]), day=days)
    assert prepared(source, TableColumns("note", "icd", date="day"), "icd9cm", "icd10cm").codes() == [
        ["401.9"],
        ["I10"],
    ]


def test_cells_of_a_workbook(tmp_path: Path) -> None:
    """Numbers as ids, dates, empty rows, escapes of the format; a number as a code has lost its zeros."""
    source = workbook(tmp_path, (7, "A_x000D_\nb.", "I10"), (None, None, None), (8, "B.", "J18.9"))
    found = prepared(source)
    assert {one.document_id: one.text for one in found.documents.values()} == {"7": "A\r\nb.", "8": "B."}
    assert found.counted["rows"] == 2
    with pytest.raises(MalformedInput, match="the column 'icd' .* data row 3, a number, expected text"):
        prepared(workbook(tmp_path, ("a", "A.", "250.00"), (None, None, None), ("b", "B.", 41.49)), CODED, "icd9cm")


def test_the_sheet_with_the_columns_is_taken(tmp_path: Path) -> None:
    """Where it is not the first one; two of them are refused."""
    book = Workbook()
    for title in ("about", "data"):
        book.create_sheet(title)
    for row in (("id", "note", "icd"), *ROWS):
        book["data"].append(row)
    book.save(tmp_path / "t.xlsx")
    found = prepared(tmp_path / "t.xlsx")
    assert (found.codes(), found.read_as["sheet number"]) == (CODES, "3")
    book["about"].append(("id", "note", "icd"))
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(MalformedInput, match="2 sheets"):
        prepared(tmp_path / "t.xlsx")


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    """Any byte of it may be wrong."""
    content = workbook(tmp_path, *ROWS).read_bytes()
    path = tmp_path / "bad.xlsx"
    for place in range(0, len(content), 97):
        path.write_bytes(content[:place] + b"\x55" + content[place + 1 :])
        try:
            list(open_workbook(path, lambda header: "note" in header).read([0]))
        except MalformedInput:
            continue


@pytest.mark.parametrize(
    "line", ["[1, 2]", "{", '{"note": "a", "note": "b"}', "[" * 100_000, '{"id": ' + "9" * 5000 + "}", "note,icd"]
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    """A list for the whole file, two equal keys, or no JSON at all."""
    (tmp_path / "t.jsonl").write_text('{"id": "a", "note": "First.", "icd": "I10"}\n\n' + line + "\n")
    with pytest.raises(MalformedInput, match="line 3 of .* no JSON object") as caught:
        prepared(tmp_path / "t.jsonl")
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("content", ['{"note": "SECRET", "icd": "I10"}\n', '[{"note": "SECRET"}]'])
def test_json_under_another_name_is_named(tmp_path: Path, content: str) -> None:
    """Without its words, which are no header."""
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(MalformedInput, match="holds JSON") as caught:
        prepared(tmp_path / "t.csv")
    assert "SECRET" not in str(caught.value)


def test_cells_of_json_lines(tmp_path: Path) -> None:
    """Lists, numbers as ids, missing keys; a fraction is no id, a lone surrogate no note."""
    found = prepared(json_lines(tmp_path, {"id": 1, "note": "A.", "icd": ["I10"]}, {"id": 2, "note": "B."}))
    assert (list(found.documents), found.counted["rows dropped: no code"]) == (["1"], 1)
    with pytest.raises(MalformedInput, match="data row 1, an id written as"):
        prepared(json_lines(tmp_path, {"id": 1.0, "note": "A.", "icd": "I10"}))
    with pytest.raises(MalformedInput, match="data row 1 .* lone surrogate at position 1"):
        prepared(json_lines(tmp_path, {"id": 1, "note": "A\ud800", "icd": "I10"}))


def test_options_of_text_files_are_refused_elsewhere(tmp_path: Path) -> None:
    """They would do nothing."""
    source = workbook(tmp_path, *ROWS)
    for named in ({"delimiter": ";"}, {"encoding": "utf-8"}):
        with pytest.raises(InvalidOption, match="leave it out"):
            prepared(source, **named)


def test_text_named_parquet_is_refused(tmp_path: Path) -> None:
    """Renaming is the remedy; a file that is not there is missing."""
    (tmp_path / "t.parquet").write_text("note,icd\n")
    with pytest.raises(MalformedInput, match="does not begin as its name says"):
        open_table(tmp_path / "t.parquet", lambda _: True)
    with pytest.raises(MissingInput, match="is not a file"):
        open_table(tmp_path / "none.csv", lambda _: True)
