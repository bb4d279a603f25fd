"""CSV as batches of strings: what is written comes back, and what is broken is named without its words."""

import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import MalformedInput, MissingInput
from training.prepare import string_csv
from training.prepare.string_csv import csv_batches, csv_header, read_csv

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), compressed=st.booleans())
def test_any_text_survives_the_round_trip(rows: list[tuple[str, str, str]], compressed: bool) -> None:
    """Commas, quotes, line breaks and leading zeros come back as they were written by the csv module."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b", "c"), *rows])
    content = out.getvalue().encode()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_bytes(gzip.compress(content) if compressed else content)
        assert read_csv(path, ["a", "b", "c"]).rows() == rows


def test_batches_join_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches keep every row in file order."""
    monkeypatch.setattr(string_csv, "BATCH_ROWS", 7)
    path = tmp_path / "t.csv"
    path.write_text("n,text\n" + "".join(f'{n:04},"line\n{n}"\n' for n in range(100)), encoding="utf-8")
    batches = list(csv_batches(path, ["n"]))
    assert len(batches) > 1
    assert pl.concat(batches)["n"].to_list() == [f"{n:04}" for n in range(100)]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """As a spreadsheet writes UTF-8."""
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert csv_header(tmp_path / "t.csv") == ["a", "b"]
    assert read_csv(tmp_path / "t.csv", ["a", "b"]).rows() == [("1", "2")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty, not even a header"),
        (b"a,b\n1,2\n3\n", "begins in line 3 of .* has 1 fields, expected 2"),
        (b"a,b\n1,2\n3,4,5\n", "begins in line 3 of .* has 3 fields, expected 2"),
        (b'a,b\n1,"2\n2"\n3,"SECRET\n', "begins in line 4 of .* a quote that is never closed"),
        (b"a,b\n1,2\n3,SECRET\xe9\n", r"is not UTF-8 \(line 3\)"),
        (b"\xe9,b\n1,2\n", r"is not UTF-8 \(line 1\)"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "breaks off or is damaged"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9, mtime=0)[:15], "breaks off or is damaged"),
        (b"\x1f\x8bnot gzip", "breaks off or is damaged"),
        (b"a,b\n1,\x93SECRET\x94\n", r"is not UTF-8 \(line 2\): .*iconv -f WINDOWS-1252 -t UTF-8"),
        ("a,b\n1,SECRET\n".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        (b"a,b\r1,SECRET\r", "end in CR alone"),
        (b"PK\x03\x04SECRET", "zip archive or a workbook"),
        (b"PAR1\x15SECRET", "no CSV file by its first bytes"),
        (b"a,b,a\n1,2,SECRET\n", "has 2 columns 'a'"),
        (b'a,b\n1,SECRET 5"\n', "line 2 of .* has a quote inside of an unquoted field"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    """One sentence with the line and what to do, and no cell in it."""
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(MalformedInput, match=sentence) as caught:
        read_csv(path, ["a", "b"])
    assert "SECRET" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path and the next step."""
    with pytest.raises(MissingInput, match=r"cannot read .*t.csv"):
        csv_header(tmp_path / "t.csv")
