"""A table of coded notes to a dataset directory."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from model.dataset import Document, load_dataset
from model.errors import (
    EmptyDataset,
    InvalidOption,
    MalformedInput,
    MissingInput,
    OutputExists,
    UnwritableOutput,
)
from model.icd import Code
from tests.training.prepare.mimic_mini import csv_bytes
from training.prepare.table import TableOptions, prepare_table
from training.prepare.table_columns import TableColumns

HEADER = ["id", "patient", "part", "note", "icd"]
ROWS = [
    ["a", "p1", "train", 'First, with "quotes"\nand lines.', "I10; e11.9"],
    ["b", "p1", "Train", "Second.", "I10"],
    ["c", "p2", "validation", "Third.", "j18.9|I10 , I10"],
    ["d", "p3", "test", "Fourth.", "J189"],
    ["e", "p4", "test", " ", "I10"],
    ["f", "p5", "test", "Sixth.", " "],
]
NAMED = TableColumns("note", "icd", "id", "patient", "part")


def write(path: Path, rows: list[list[str]] = ROWS, header: list[str] = HEADER) -> Path:
    path.write_bytes(csv_bytes(header, rows))
    return path


def prepare(source: Path, out: Path, columns: TableColumns = NAMED, **options: Any) -> dict[str, Document]:
    """Prepare with :class:`TableOptions` or the options of the split, and read back by document id."""
    split = {name: options.pop(name) for name in ("seed", "dev_share", "test_share") if name in options}
    prepare_table(source, out, columns, TableOptions(**options), **split)
    return {document.document_id: document for document in load_dataset(out).documents()}


def test_rows_with_text_and_codes_become_documents(tmp_path: Path) -> None:
    """Columns as named, codes in any separation, repeats once, blank texts and codes dropped and counted."""
    documents = prepare(write(tmp_path / "t.csv"), tmp_path / "out")
    i10, pneumonia = Code("icd10cm", "I10"), Code("icd10cm", "J18.9")
    assert documents == {
        "a": Document("a", "p1", "train", ROWS[0][3], (i10, Code("icd10cm", "E11.9"))),
        "b": Document("b", "p1", "train", "Second.", (i10,)),
        "c": Document("c", "p2", "dev", "Third.", (pneumonia, i10)),
        "d": Document("d", "p3", "test", "Fourth.", (pneumonia,)),
    }
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    counted = {row["step"]: row["rows"] for row in manifest["rows"]}
    assert counted["rows"] == 6
    assert counted["rows dropped: no code"] == 1
    assert counted["rows dropped: code but no text"] == 1


def test_csv_gz_gives_the_same_documents(tmp_path: Path) -> None:
    """Compression changes nothing."""
    plain = write(tmp_path / "t.csv")
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert prepare(packed, tmp_path / "b") == prepare(plain, tmp_path / "a")


@pytest.mark.parametrize("as_list", [False, True])
def test_parquet_gives_the_same_documents(tmp_path: Path, as_list: bool) -> None:
    """Codes in a cell or in a list column; nulls are blanks."""
    frame = pl.DataFrame(ROWS, schema=HEADER, orient="row")
    if as_list:
        frame = frame.with_columns(pl.col("icd").str.extract_all(r"[\w.]+"))
    else:
        frame = frame.with_columns(pl.col("icd").replace(" ", None), pl.col("note").replace(" ", None))
    frame.write_parquet(tmp_path / "t.parquet")
    assert prepare(tmp_path / "t.parquet", tmp_path / "b") == prepare(write(tmp_path / "t.csv"), tmp_path / "a")


def test_numeric_ids_in_parquet_become_strings(tmp_path: Path) -> None:
    """Only codes must be strings."""
    pl.DataFrame({"n": [7, 8], "note": ["A.", "B."], "icd": ["I10", "I10"]}).write_parquet(tmp_path / "t.parquet")
    assert set(prepare(tmp_path / "t.parquet", tmp_path / "out", TableColumns("note", "icd", "n"))) == {
        "7",
        "8",
    }


def test_without_more_columns_a_row_is_a_document_and_a_patient(tmp_path: Path) -> None:
    """Row numbers are the ids, and the split is seeded."""
    rows = [["x", "x", "x", f"Note {n}.", "I10"] for n in range(20)]
    documents = prepare(write(tmp_path / "t.csv", rows), tmp_path / "out", TableColumns("note", "icd"), seed=3)
    assert [(d.document_id, d.subject_id) for d in documents.values()] == [(str(n), str(n)) for n in range(1, 21)]
    assert sorted(d.split for d in documents.values()) == ["dev"] * 2 + ["test"] * 2 + ["train"] * 16


def test_a_patient_stays_in_one_seeded_split(tmp_path: Path) -> None:
    """Thirty patients of three rows."""
    rows = [[f"{n}", f"p{n % 30}", "", f"Note {n}.", "I10"] for n in range(90)]
    columns = TableColumns("note", "icd", subject="patient")
    documents = prepare(write(tmp_path / "t.csv", rows), tmp_path / "out", columns)
    assert len({(d.subject_id, d.split) for d in documents.values()}) == 30


def test_leading_zeros_survive(tmp_path: Path) -> None:
    """0066 is a procedure of its own, in a csv and in a parquet of strings."""
    source = write(tmp_path / "t.csv", [["a", "p", "train", "Text.", "0066"]])
    assert prepare(source, tmp_path / "out", systems=["icd9pcs"])["a"].codes == (Code("icd9pcs", "00.66"),)


def test_numeric_codes_are_refused(tmp_path: Path) -> None:
    """A parquet column of numbers has lost its leading zeros."""
    pl.DataFrame({"note": ["A."], "icd": [66]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(MalformedInput, match="has lost its leading zeros"):
        prepare(tmp_path / "t.parquet", tmp_path / "out", TableColumns("note", "icd"), systems=["icd9pcs"])


def test_a_code_in_no_table_is_kept_and_counted(tmp_path: Path) -> None:
    """It has the form of a code; its title stays empty and the share of assignments is told."""
    rows = [["a", "p", "train", "Text.", "I10 J18.9 I10.00"]]
    written = prepare_table(write(tmp_path / "t.csv", rows), tmp_path / "out", NAMED)
    assert written.untitled == (Code("icd10cm", "I10.00"),)
    (warning,) = written.warnings
    assert warning.startswith("1 of the 3 assigned codes (33%; 1 distinct) are in no table of icd10cm")
    assert "icd10gm" in warning


def test_codes_of_another_system_are_refused(tmp_path: Path) -> None:
    """ICD-9 codes under icd10cm: the number, the row, and the system that fits."""
    source = write(tmp_path / "t.csv", [["a", "p", "train", "Text.", "401.9 250.00 428.0"]])
    with pytest.raises(
        MalformedInput, match=r"3 of the 3 pieces .* data row 1 .*: do they belong to --system icd9cm\?"
    ):
        prepare(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_text_column_taken_for_codes_is_not_quoted(tmp_path: Path) -> None:
    """--codes that names the notes: refused without repeating a word of them."""
    source = write(tmp_path / "t.csv", [["a", "p", "train", "SECRET4711 confidential-history", "I10"]])
    with pytest.raises(MalformedInput, match="check --system and --codes") as caught:
        prepare(source, tmp_path / "out", TableColumns("note", "note", "id"))
    assert "SECRET" not in str(caught.value).upper()


@pytest.mark.parametrize(("document", "subject"), [("note", "id"), ("id", "note")])
def test_a_text_column_taken_for_ids_is_not_quoted(tmp_path: Path, document: str, subject: str) -> None:
    """Notes that are there twice, or in two splits."""
    rows = [[name, "p", split, "SECRET words of a note.", "I10"] for name, split in (("a", "train"), ("b", "test"))]
    columns = TableColumns("note", "icd", document, subject, "part")
    with pytest.raises(MalformedInput, match="have one id|a long text") as caught:
        prepare(write(tmp_path / "t.csv", rows), tmp_path / "out", columns)
    assert "SECRET" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """--source that is not there."""
    with pytest.raises(MissingInput, match="is not a file"):
        prepare(tmp_path / "nowhere.csv", tmp_path / "out")


def test_a_name_without_a_format_is_refused(tmp_path: Path) -> None:
    """Text in a file whose name does not say what it is."""
    (tmp_path / "t.dat").write_text("note,icd\nA.,I10\n")
    with pytest.raises(InvalidOption, match=r"named neither \.csv"):
        prepare(tmp_path / "t.dat", tmp_path / "out")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_missing_column_lists_those_found(tmp_path: Path, suffix: str) -> None:
    """The message tells what the file has."""
    pl.DataFrame({"note": ["A."], "icd": ["I10"]}).write_parquet(tmp_path / "t.parquet")
    write(tmp_path / "t.csv", [["A.", "I10"]], ["note", "icd"])
    with pytest.raises(MissingInput, match=r"no column 'text' \(found: note, icd\)"):
        prepare(tmp_path / f"t.{suffix}", tmp_path / "out", TableColumns("text", "icd"))


@pytest.mark.parametrize(
    "line", ["7,Testy McTestface fell,x", "a,Testy McTestface fell,I10", "a,Testy McTestface came with a fever today,x"]
)
def test_a_file_without_a_header_does_not_show_its_first_note(tmp_path: Path, line: str) -> None:
    """A number, a code or a long text is no name of a column."""
    (tmp_path / "t.csv").write_text(f"{line}\n")
    with pytest.raises(MissingInput, match="its first row seems to be no header") as caught:
        prepare(tmp_path / "t.csv", tmp_path / "out", TableColumns("text", "icd"))
    assert "Testy" not in str(caught.value)


def test_an_unknown_split_names_its_row(tmp_path: Path) -> None:
    """Only the usual spellings of train, dev and test."""
    source = write(tmp_path / "t.csv", [*ROWS[:2], ["c", "p2", "holdout", "Third.", "I10"]])
    with pytest.raises(MalformedInput, match=r"data row 3 of .* the unknown split 'holdout'"):
        prepare(source, tmp_path / "out")


def test_a_note_taken_for_a_split_is_not_quoted(tmp_path: Path) -> None:
    """--split that names the notes."""
    source = write(tmp_path / "t.csv", [["a", "p", "train", "SECRETWORD in a longer note.", "I10"]])
    with pytest.raises(MalformedInput, match="a long text as its split") as caught:
        prepare(source, tmp_path / "out", TableColumns("note", "icd", split="note"))
    assert "SECRETWORD" not in str(caught.value)


def test_a_patient_in_two_splits_is_refused(tmp_path: Path) -> None:
    """By the split column of the user."""
    source = write(tmp_path / "t.csv", [ROWS[0], ["b", "p1", "test", "Second.", "I10"]])
    with pytest.raises(MalformedInput, match="patient p1 is in train and in test"):
        prepare(source, tmp_path / "out")


def test_two_documents_with_one_id_are_refused(tmp_path: Path) -> None:
    """The rows are named and nothing is left behind."""
    source = write(tmp_path / "t.csv", [ROWS[0], ["a", "p1", "train", "Second.", "I10"]])
    with pytest.raises(MalformedInput, match="data rows 1 and 2 .* have one id but not one note"):
        prepare(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_row_without_its_patient_is_refused(tmp_path: Path) -> None:
    """An empty subject would make strangers one patient."""
    source = write(tmp_path / "t.csv", [["a", "", "train", "First.", "I10"]])
    with pytest.raises(MalformedInput, match=r"data row 1 of .* has nothing in the column 'patient'"):
        prepare(source, tmp_path / "out")


def test_a_row_cut_short_names_its_line(tmp_path: Path) -> None:
    """The header has five fields."""
    (tmp_path / "t.csv").write_text("id,patient,part,note,icd\na,p,train,Text.\n", encoding="utf-8")
    with pytest.raises(MalformedInput, match=r"line 2 of .* has 4 fields, expected 5"):
        prepare(tmp_path / "t.csv", tmp_path / "out")


def test_a_damaged_parquet_is_refused(tmp_path: Path) -> None:
    """Half a file."""
    pl.DataFrame({"note": ["A."], "icd": ["I10"]}).write_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(MalformedInput, match="cannot be read as parquet"):
        prepare(tmp_path / "t.parquet", tmp_path / "out", TableColumns("note", "icd"))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "has a header and no row"),
        ([ROWS[5]], "no row of .* has a code"),
        ([ROWS[4]], "no document with text"),
    ],
)
def test_an_empty_table_is_refused(tmp_path: Path, rows: list[list[str]], reason: str) -> None:
    """No row, no code, or no text."""
    with pytest.raises(EmptyDataset, match=reason):
        prepare(write(tmp_path / "t.csv", rows), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_existing_output_is_refused(tmp_path: Path) -> None:
    """A second run into the same folder."""
    source = write(tmp_path / "t.csv")
    prepare(source, tmp_path / "out")
    with pytest.raises(OutputExists):
        prepare(source, tmp_path / "out")


def test_an_unwritable_output_is_named(tmp_path: Path) -> None:
    """A file stands where the parent folder should be."""
    source = write(tmp_path / "t.csv")
    with pytest.raises(UnwritableOutput, match="cannot write in"):
        prepare(source, source / "out")
