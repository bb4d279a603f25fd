"""MIMIC-IV to a dataset directory: the protocol on the miniature, one ICD version at a time."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from model.dataset import Document, load_dataset
from model.errors import EmptyDataset, InvalidOption, MalformedInput, MissingInput
from model.icd import Code
from tests.training.prepare.mimic4_mini import DIAGNOSES, NOTES, write_mimic4
from tests.training.prepare.mimic_mini import write_mimic
from training.prepare.mimic3 import prepare_mimic3
from training.prepare.mimic4 import prepare_mimic4


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    return write_mimic4(tmp_path / "mimic4")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "data"


def prepare(source: Path, out: Path, **options: Any) -> dict[str, Document]:
    prepare_mimic4(source, out, **options)
    return {document.document_id: document for document in load_dataset(out).documents()}


def test_icd10_takes_the_codes_of_its_version(mimic: Path, out: Path) -> None:
    """Diagnoses by seq_num with a dot after three characters, then procedures without one."""
    documents = prepare(mimic, out)
    assert sorted(documents) == ["100", "300"]
    assert documents["100"].codes == (
        Code("icd10cm", "E11.65"),
        Code("icd10cm", "I10"),
        Code("icd10pcs", "02703ZZ"),
    )


def test_icd9_keeps_leading_zeros(mimic: Path, out: Path) -> None:
    """0389 and 0066 of the other version."""
    documents = prepare(mimic, out, system="icd9")
    assert {key: document.codes for key, document in documents.items()} == {
        "200": (Code("icd9cm", "038.9"), Code("icd9pcs", "00.66"))
    }


def test_notes_of_an_admission_are_joined_by_note_seq(mimic: Path, out: Path) -> None:
    """As a number, 9 before 10; the rows they came from are recorded in that order."""
    assert prepare(mimic, out)["100"].text == 'First note,\nof "Testy McTestface". Second note.'
    rows = pq.read_table(out / "documents.parquet", columns=["document_id", "source_rows"]).to_pylist()
    assert {row["document_id"]: row["source_rows"] for row in rows} == {"100": [2, 1], "300": [5]}
    assert load_dataset(out).manifest["source_rows"] == "data rows of discharge, the first is 1"


def test_titles_come_from_the_rows_of_the_version(mimic: Path, out: Path) -> None:
    """The source's own first, the published where it has none."""
    prepare(mimic, out)
    titles = {label.code: label.title for label in load_dataset(out).labels.labels}
    assert titles["I10"] == "A title of its own"
    assert titles["E11.65"] == "Type 2 diabetes mellitus with hyperglycemia"


def test_the_manifest_counts_rows_of_the_other_version(mimic: Path, out: Path) -> None:
    """What was not taken, and why."""
    prepare(mimic, out)
    counted = {row["step"]: row["rows"] for row in load_dataset(out).manifest["rows"]}
    assert counted["diagnoses_icd rows"] == 4
    assert counted["diagnoses_icd rows dropped: ICD_VERSION is not 10"] == 1
    assert counted["discharge rows"] == 5
    assert counted["discharge rows dropped: no SUBJECT_ID or HADM_ID, or empty text"] == 1


def test_plain_files_give_the_same(tmp_path: Path, mimic: Path) -> None:
    """.csv as well as .csv.gz."""
    plain = write_mimic4(tmp_path / "plain", compressed=False)
    assert prepare(plain, tmp_path / "a") == prepare(mimic, tmp_path / "b")


def test_the_list_of_the_version_is_chosen(mimic: Path, tmp_path: Path, out: Path) -> None:
    """A folder with the lists of MIMIC-III and of both versions of MIMIC-IV."""
    lists = tmp_path / "lists"
    lists.mkdir()
    for name, admission in (("mimiciii_full_splits", 1), ("mimiciv_icd9_split", 200), ("mimiciv_icd10_split", 300)):
        pl.DataFrame({"_id": [admission], "split": ["test"]}).write_ipc(lists / f"{name}.feather")
    assert {key: document.split for key, document in prepare(mimic, out, splits=lists).items()} == {"300": "test"}


def test_clean_wants_ten_admissions(mimic: Path, out: Path) -> None:
    """Nothing is left of the miniature, and the remedy is named."""
    with pytest.raises(EmptyDataset, match="take --labels full"):
        prepare(mimic, out, labels="clean")


def test_a_label_list_needs_its_label_set(mimic: Path, out: Path) -> None:
    """--label-list with --labels full would be ignored: refused instead."""
    with pytest.raises(InvalidOption, match="--label-list is for --labels 50"):
        prepare(mimic, out, label_list=mimic / "x")


def test_the_folder_of_mimic3_is_recognised(tmp_path: Path, out: Path) -> None:
    """And the verb that reads it is named."""
    with pytest.raises(MalformedInput, match=r"holds MIMIC-III: take `prepare mimic3`"):
        prepare(write_mimic(tmp_path / "mimic3"), out)


def test_the_folder_of_mimic4_given_to_mimic3_is_recognised(mimic: Path, out: Path) -> None:
    """And the verb that reads it is named."""
    with pytest.raises(MalformedInput, match=r"holds MIMIC-IV: .* `prepare mimic4`"):
        prepare_mimic3(mimic, out, show=lambda _: None)


@pytest.mark.parametrize("folder", ["hosp", "note"])
def test_a_missing_half_is_named(mimic: Path, out: Path, folder: str) -> None:
    """PhysioNet ships notes and tables as two projects."""
    (mimic / folder).rename(mimic / "elsewhere")
    with pytest.raises(MissingInput, match=f"has no folder {folder}: --source is a folder with note/discharge.csv.gz"):
        prepare(mimic, out)


def test_an_admission_that_is_no_number_is_named(tmp_path: Path, out: Path) -> None:
    """Table, data row, column."""
    source = write_mimic4(tmp_path / "mimic4", diagnoses=[*DIAGNOSES, ["3", "3e2", "1", "I10", "10"]])
    with pytest.raises(MalformedInput, match=r"HADM_ID in data row 5 of .*diagnoses_icd.csv.gz' is not a whole number"):
        prepare(source, out)


def test_a_truncated_table_is_named(mimic: Path, out: Path) -> None:
    """With the line after which it breaks off."""
    path = mimic / "note" / "discharge.csv.gz"
    many = [[f"1-DS-{n}", "1", "100", "DS", str(n), "", "", f"Text {n * 7919 % 1000}."] for n in range(2000)]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + csv_lines(many))[:-500])
    with pytest.raises(MalformedInput, match=r"discharge.csv.gz' breaks off or is damaged after line [\d,]+"):
        prepare(mimic, out)


def csv_lines(rows: list[list[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def test_notes_without_rows_are_refused(tmp_path: Path, out: Path) -> None:
    """A header alone."""
    with pytest.raises(EmptyDataset, match=r"discharge.csv.gz' has no rows"):
        prepare(write_mimic4(tmp_path / "mimic4", notes=[]), out)


def test_every_note_is_read_once(tmp_path: Path, out: Path) -> None:
    """More notes than a batch holds: texts and rows still belong together."""
    many = [[f"{n}-DS-1", str(n), str(n), "DS", "1", "", "", f"Note {n}."] for n in range(1, 12_001)]
    codes = [[str(n), str(n), "1", "I10", "10"] for n in range(1, 12_001)]
    prepare_mimic4(write_mimic4(tmp_path / "mimic4", notes=many + NOTES[:0], diagnoses=codes), out)
    table = pq.read_table(out / "documents.parquet", columns=["document_id", "text", "source_rows"])
    assert table.num_rows == 12_000
    assert all(
        row["text"] == f"Note {row['document_id']}." and row["source_rows"] == [int(row["document_id"])]
        for row in table.to_pylist()
    )
