"""`prepare labels`: any table of texts and labels to a dataset directory, the labels under their own names."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from model.dataset import load_dataset
from model.errors import IcdCoderError, InvalidOption, MalformedInput
from training.prepare.commands import commands
from training.prepare.label_cells import LabelCells, separator_named
from training.prepare.label_table import prepare_labels
from training.prepare.table import Shares, TableForm
from training.prepare.table_cells import WrongCell
from training.prepare.table_columns import TableColumns

RUNNER = CliRunner()
COLUMNS = TableColumns("body", "topics")
SENTENCE = (
    "Testy McTestface was seen by the surgeon on a rainy Monday, and he went home with a plaster on his left hand."
)


def write(path: Path, header: list[str], *rows: list[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def topics(path: Path, *cells: str) -> Path:
    """A table with an invented text for each cell of topics."""
    rows = [[f"Invented text {number}.", cell] for number, cell in enumerate(cells)]
    return write(path / "t.csv", ["body", "topics"], *rows)


def labels_of(source: Path, columns: TableColumns = COLUMNS, **options: Any) -> dict[str, list[str]]:
    """The labels of each document, all of one system."""
    out = source.parent / f"out{len(list(source.parent.iterdir()))}"
    prepare_labels(source, out, columns, **options)
    found = {one.document_id: one.codes for one in load_dataset(out).documents()}
    assert {code.system for codes in found.values() for code in codes} == {"labels"}
    return {document: [code.code for code in codes] for document, codes in found.items()}


def warnings_of(source: Path, **options: Any) -> str:
    return "\n".join(prepare_labels(source, source.parent / "out", COLUMNS, **options).warnings)


@pytest.mark.parametrize(
    ("separator", "cell", "expected"),
    [
        ("semicolon", "trade; Crude oil ;ship", ["trade", "Crude oil", "ship"]),
        ("comma", "trade,ship,,trade", ["trade", "ship"]),
        ("pipe", "Metabolism, cellular|Death", ["Metabolism, cellular", "Death"]),
        (" ", "acq  earn", ["acq", "earn"]),
        (" > ", "science > physics", ["science", "physics"]),
        ("none", "trade; ship", ["trade; ship"]),
        ("semicolon", '["trade; ship", "U.S. economy"]', ["trade; ship", "U.S. economy"]),
        ("semicolon", "['trade', \"men's health\"]", ["trade", "men's health"]),
        ("semicolon", "[3, 7]", ["3", "7"]),
        ("semicolon", "NULL; trade", ["trade"]),
    ],
)
def test_a_cell_holds_labels_with_a_separator_or_as_a_list(
    tmp_path: Path, separator: str, cell: str, expected: list[str]
) -> None:
    """Names keep their capitals, blanks, commas and dots; a repeated one counts once."""
    assert labels_of(topics(tmp_path, cell), separator=separator) == {"1": expected}


def test_several_columns_are_read_in_their_order(tmp_path: Path) -> None:
    """Empty cells give nothing."""
    source = write(tmp_path / "t.csv", ["body", "a", "b"], ["One.", "ship", ""], ["Two.", "trade", "acq"])
    assert labels_of(source, TableColumns("body", ["a", "b"])) == {"1": ["ship"], "2": ["trade", "acq"]}
    assert labels_of(source, TableColumns("body", "b, a")) == {"1": ["ship"], "2": ["acq", "trade"]}


def test_rows_of_one_id_become_one_document(tmp_path: Path) -> None:
    """One label a row; the split and the group of the text are read too."""
    header = ["doc", "body", "topic", "author", "part"]
    rows = [["a", "One.", "ship", "x", "test"], ["b", "Two.", "acq", "x", "test"], ["a", "One.", "trade", "x", "test"]]
    source = write(tmp_path / "t.csv", header, *rows)
    columns = TableColumns("body", "topic", "doc", "author", "part")
    assert labels_of(source, columns) == {"a": ["ship", "trade"], "b": ["acq"]}
    (one, _) = load_dataset(next(tmp_path.glob("out*"))).documents()
    assert (one.subject_id, one.split) == ("x", "test")


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_lists_of_other_formats_are_read(tmp_path: Path, suffix: str) -> None:
    """Lists of texts, and of whole numbers as a data set with numbered classes has them."""
    frame = pl.DataFrame({"body": ["One.", "Two."], "topics": [["a; b", "c"], []], "classes": [[0], [0, 12]]})
    source = tmp_path / f"t.{suffix}"
    frame.write_parquet(source) if suffix == "parquet" else frame.write_ndjson(source)
    assert labels_of(source) == {"1": ["a; b", "c"]}
    assert labels_of(source, TableColumns("body", "classes")) == {"1": ["0"], "2": ["0", "12"]}


def test_a_label_is_its_own_title_and_steps_are_counted(tmp_path: Path) -> None:
    """labels.parquet, and the manifest's counts as those of `prepare table`."""
    source = write(
        tmp_path / "t.csv", ["body", "topics"], ["One.", "ship;acq"], ["Two.", "acq"], ["", "acq"], ["Four.", "none"]
    )
    prepare_labels(source, tmp_path / "out", COLUMNS, shares=Shares(3, 0, 0))
    space = load_dataset(tmp_path / "out").labels
    assert [(one.system, one.code, one.title, one.count_train) for one in space.labels] == [
        ("labels", "acq", "acq", 2),
        ("labels", "ship", "ship", 1),
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    counted = {row["step"]: row["rows"] for row in manifest["rows"]}
    assert counted["rows"] == 4
    assert counted["rows dropped: no label"] == 1
    assert counted["rows dropped: label but no text"] == 1
    assert counted["pieces of label cells: NULL words passed over"] == 1
    assert counted["distinct codes, labels"] == 2
    assert manifest["options"]["columns"] == {"text": "body", "labels": "topics", "id": None, "subject": None}
    assert manifest["options"]["seed"] == 3


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        (SENTENCE, f"a label of {len(SENTENCE):,} characters, expected at most 100"),
        ("ship;Testy\nMcTestface", "a label with a line break or another control character"),
        ("Testy\u2028McTestface", "a label with a line break or another control character"),
        ("['Testy' 'McTestface']", "brackets around what is no list"),
        ("[Testy McTestface]", "brackets around what is no list"),
        ('["ship", {"name": "Testy"}]', "a value of type dict"),
        ('["ship", 1.5]', "a value of type float"),
        ('["ship", true]', "a value of type bool"),
        ("[" * 2000 + "]" * 2000, "brackets around what is no list"),
    ],
)
def test_a_cell_that_holds_no_names_is_refused_with_its_row(tmp_path: Path, cell: str, what: str) -> None:
    """The column is named, the cell is never shown, and nothing is written."""
    source = topics(tmp_path, "ship", cell)
    with pytest.raises(MalformedInput) as caught:
        prepare_labels(source, tmp_path / "out", COLUMNS)
    assert "column 'topics'" in str(caught.value)
    assert "in data row 2, " + what in str(caught.value)
    assert "Testy" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_marks_in_columns_of_their_own_are_no_labels(tmp_path: Path) -> None:
    """A table with a column for each label would give the labels 0 and 1."""
    source = write(tmp_path / "t.csv", ["body", "ship", "acq"], ["One.", "1", "0"], ["Two.", "0", "1"])
    with pytest.raises(MalformedInput, match="hold marks such as 0 and 1, expected names of labels"):
        prepare_labels(source, tmp_path / "out", TableColumns("body", ["ship", "acq"]))


def test_what_looks_wrong_is_warned_of_without_a_word_of_a_cell(tmp_path: Path) -> None:
    """Another separator than the named one, labels that differ in capitals alone, and labels of one row each."""
    found = warnings_of(
        topics(tmp_path, "Testy|McTestface", "testy|mctestface", "Testy|McTestface", "TESTY|mcTestface")
    )
    assert "no cell of labels has the separator ';', and 4 have a pipe: name it with --separator pipe" in found
    assert "3 labels differ from another one in capitals, blanks or invisible characters alone" in found
    assert "2 of the 3 labels are in one row each" in found
    assert "testy" not in found.lower()


def test_an_empty_separator_is_refused() -> None:
    """None is named "none"."""
    assert separator_named("None") is None
    assert separator_named("Comma") == ","
    with pytest.raises(InvalidOption, match="--separator '' separates no labels"):
        separator_named("")


def test_a_table_without_a_label_names_the_option(tmp_path: Path) -> None:
    """Not the option of `prepare table`."""
    with pytest.raises(IcdCoderError, match="no row of .* has a label in the column 'topics': check --labels"):
        prepare_labels(topics(tmp_path, "", ""), tmp_path / "out", COLUMNS)


def test_the_command_prints_counts_and_takes_its_options(tmp_path: Path) -> None:
    """No code is spoken of."""
    source = tmp_path / "t.txt"
    source.write_bytes("body/topics\nMüller's ship./a#b\n".encode("cp1252"))
    options = ["--text", "body", "--labels", "topics", "--separator", "#", "--delimiter", "/", "--encoding", "cp1252"]
    result = RUNNER.invoke(commands, ["labels", "--source", str(source), "--out", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "1 documents (train 1, dev 0, test 0), 2 labels -> " in result.stdout
    assert "code" not in result.output.replace("encod", "")


NAMES = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters=";[]'\""), min_size=1, max_size=20
).filter(lambda name: name.strip(".-–—") and name.upper() not in ("NULL", "NAN", "NONE", "NA", "N/A", "NIL", "NAT"))


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_labels_are_read_alike_from_text_lists_json_and_python(names: list[str]) -> None:
    """Four spellings of the same labels; a label is never changed."""
    names = [name for name in names if not name.startswith(("#", "<", "\\"))] or ["x"]
    written: list[Any] = [";".join(names), names, json.dumps(names), str(names)]
    assert [LabelCells().value(one) for one in written] == [names] * 4


@given(st.one_of(st.text(), st.lists(st.one_of(st.text(), st.integers(), st.none(), st.floats()))))
def test_any_cell_gives_short_names_or_is_refused(cell: Any) -> None:
    """Names on one line without blanks around, or an error that is one."""
    try:
        found = LabelCells().value(cell)
    except WrongCell:
        return
    assert all(name and name == name.strip() and len(name) <= 100 and "\n" not in name for name in found)


def test_the_form_of_the_table_reaches_the_reader(tmp_path: Path) -> None:
    """As for `prepare table`."""
    with pytest.raises(IcdCoderError, match="--delimiter xx is no delimiter"):
        prepare_labels(topics(tmp_path, "a"), tmp_path / "out", COLUMNS, form=TableForm("xx"))
