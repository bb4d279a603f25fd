"""A dataset directory that is not what the contract says is named before anything reads it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.dataset import CodeSpan, Document, load_dataset
from model.errors import MalformedInput
from model.icd import Code
from tests.factories import write_tiny_dataset
from training.prepare.dataset_directory import Record, write_dataset


@pytest.mark.parametrize("column", ["document_id", "subject_id", "split", "text", "codes"])
def test_an_empty_cell_is_named_by_its_column(tmp_path: Path, column: str) -> None:
    """A tokenizer fails on it much later, without a word about the file."""
    path = write_tiny_dataset(tmp_path / "data", 10) / "documents.parquet"
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[3] = None
    place = table.schema.get_field_index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)
    with pytest.raises(MalformedInput, match=f"empty cell in the column '{column}'|unknown splits"):
        load_dataset(path.parent)


@pytest.mark.parametrize("content", ["[]", "7", "{"])
def test_a_manifest_of_another_kind_is_named(tmp_path: Path, content: str) -> None:
    """Valid JSON too."""
    path = write_tiny_dataset(tmp_path / "data", 10)
    (path / "manifest.json").write_text(content)
    with pytest.raises(MalformedInput, match=r"manifest\.json"):
        load_dataset(path)


def test_a_column_of_another_type_is_told_without_a_cell_of_it(tmp_path: Path) -> None:
    """Arrow quotes the cell, which may be text of a note."""
    path = write_tiny_dataset(tmp_path / "data", 10)
    table = pq.read_table(path / "labels.parquet")
    place = table.schema.get_field_index("count_train")
    words = pa.array(["Fakely"] * len(table))
    pq.write_table(table.set_column(place, "count_train", words), path / "labels.parquet")
    with pytest.raises(MalformedInput, match="another type") as caught:
        load_dataset(path)
    assert "Fakely" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert json.loads((path / "manifest.json").read_text())


def with_evidence(folder: Path, spans: list[tuple[int, int]]) -> Path:
    """A dataset of one note of 9 characters with evidence for its code."""
    code = Code("icd10cm", "I10")
    note = Document("d", "p", "train", "é fake HT", (code,), evidence=tuple(CodeSpan(code, *span) for span in spans))
    write_dataset(folder, [note], {}, Record({}))
    return folder


def test_evidence_comes_back_as_written(tmp_path: Path) -> None:
    """Code points; a note without a span has an empty tuple, a dataset without the column None."""
    spans = load_dataset(with_evidence(tmp_path / "one", [(2, 6), (7, 9)])).documents()[0].evidence
    assert spans == tuple(CodeSpan(Code("icd10cm", "I10"), *span) for span in ((2, 6), (7, 9)))
    assert load_dataset(with_evidence(tmp_path / "none", [])).documents()[0].evidence == ()
    assert load_dataset(write_tiny_dataset(tmp_path / "tiny", 10)).documents()[0].evidence is None


@pytest.mark.parametrize("span", [(-1, 2), (3, 3), (4, 2), (8, 10)])
def test_evidence_outside_of_its_text_is_refused(tmp_path: Path, span: tuple[int, int]) -> None:
    """Nine characters, ten bytes."""
    with pytest.raises(MalformedInput, match="evidence outside of its text"):
        load_dataset(with_evidence(tmp_path / "out", [span]))
