"""Rows of text files with delimiters."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InvalidOption, MalformedInput
from training.prepare.table_rows.delimited_text import open_delimited


def opened(path: Path, *wanted: str, **named: str) -> tuple[tuple[str, ...], list[list[str]], str]:
    """Header, rows and the delimiter."""
    table = open_delimited(path, set(wanted).issubset, **named)
    return table.header, [list(row.values) for row in table.read(range(len(table.header)))], table.read_as["delimiter"]


def file(folder: Path, content: str) -> Path:
    (folder / "t.csv").write_bytes(content.encode())
    return folder / "t.csv"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_the_delimiter_is_the_one_that_makes_the_header(tmp_path: Path, delimiter: str, name: str, end: str) -> None:
    """With any line end; the other delimiters are characters of the note."""
    note = f'"Chest pain, worse; a|b\t.{end}Second line."'
    path = file(tmp_path, f"id{delimiter}note{delimiter}icd{end}1{delimiter}{note}{delimiter}I10{end}")
    assert opened(path, "note", "icd") == (("id", "note", "icd"), [["1", note.strip('"'), "I10"]], name)


def test_the_mark_of_excel_names_the_delimiter(tmp_path: Path) -> None:
    """Its first line is no header, and lines are counted with it."""
    path = file(tmp_path, "sep=;\r\nnote;icd\r\nA, b.;I10\r\n")
    assert opened(path, "note")[1:] == ([["A, b.", "I10"]], "semicolon")
    with pytest.raises(MalformedInput, match="begins in line 3"):
        opened(file(tmp_path, "sep=;\nnote;icd\nA.\n"))


def test_a_named_delimiter_overrules(tmp_path: Path) -> None:
    """By its name or as a character."""
    path = file(tmp_path, "note~icd\na,b~I10\n")
    assert opened(path, delimiter="~")[1] == [["a,b", "I10"]]
    assert opened(file(tmp_path, "note\ticd\na,b\tI10\n"), delimiter="\\t")[1] == [["a,b", "I10"]]
    for wrong in ("commas", "", '"'):
        with pytest.raises(InvalidOption, match="is no delimiter"):
            opened(path, delimiter=wrong)


def test_a_quote_inside_of_an_unquoted_field_is_a_character(tmp_path: Path) -> None:
    """Inch marks do not shift columns."""
    path = file(tmp_path, 'size,note,icd\n5\'8",scar of 2" or 3",I10\n')
    assert opened(path)[1] == [["5'8\"", 'scar of 2" or 3"', "I10"]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('1,"never closed,I10', "line 3 .* never closed or not doubled"),
        ('1,"not "doubled",I10', "line 3 .* never closed or not doubled"),
        ("1,one, two,I10", "line 3 .* has 4 fields, expected 3"),
        ("1,I10", "line 3 .* has 2 fields, expected 3"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, line: str, said: str) -> None:
    """The row before has its note over two lines of a quoted field."""
    path = file(tmp_path, f'id,note,icd\n0,"one field",I10\n{line}\n')
    with pytest.raises(MalformedInput, match=said):
        opened(path)


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """At the end, and between."""
    assert len(opened(file(tmp_path, "\nnote,icd\n\nA,I10\n\n\nB,I10\n\n"))[1]) == 2


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=3, max_size=3)
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_what_a_writer_wrote_is_read(rows: list[list[str]], delimiter: str, quoting: int) -> None:
    """Any text in the cells."""
    import tempfile

    content = io.StringIO(newline="")
    csv.writer(content, delimiter=delimiter, quoting=quoting).writerows([["a b", "note", "icd"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), content.getvalue())
        table = open_delimited(path, {"note", "icd"}.issubset, encoding="utf-8")
        assert [list(row.values) for row in table.read([0, 1, 2])] == rows
