"""A dataset of features instead of texts."""

from pathlib import Path

import numpy as np
import pytest

from model.dataset import IMAGE_SHAPE, load_dataset
from model.errors import MalformedInput
from model.icd import Code
from training.prepare.dataset_directory import FeatureDocument, Record, write_dataset


def write(path: Path, rows: list[list[float]], image_shape: list[int] | None = None) -> Path:
    record = Record(options={})
    if image_shape:
        record.remarks[IMAGE_SHAPE] = image_shape
    splits = ("train", "dev", "test")
    documents = [
        FeatureDocument(f"d{i}", f"p{i}", splits[i % 3], "", (Code("test", "A"),), np.array(row, np.float32))
        for i, row in enumerate(rows)
    ]
    write_dataset(path, documents, {}, record)
    return path


def test_features_come_back_by_split(tmp_path: Path) -> None:
    """In the order of the documents, whose text is empty."""
    data = load_dataset(write(tmp_path / "data", [[1, 2], [3, 4], [5, 6], [7, 8]], [1, 2]), features=True)
    np.testing.assert_array_equal(data.features("train"), np.array([[1, 2], [7, 8]], np.float32))
    np.testing.assert_array_equal(data.features(), np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32))
    assert [document.document_id for document in data.documents("train")] == ["d0", "d3"]
    assert data.documents()[0].text == ""
    assert data.manifest[IMAGE_SHAPE] == [1, 2]


def test_a_reader_of_notes_refuses_features(tmp_path: Path) -> None:
    """Before anything is trained on empty texts."""
    with pytest.raises(MalformedInput, match="study losses"):
        load_dataset(write(tmp_path / "data", [[1, 2]]))


@pytest.mark.parametrize(
    ("rows", "shape", "said"),
    [
        ([[1, 2], [3]], None, "rows of 1 to 2 features"),
        ([[1, float("nan")]], None, "no finite number"),
        ([[], []], None, "rows of 0 to 0"),
        ([[1, 2, 3]], [2, 2], "3 pixels"),
    ],
)
def test_features_of_another_form_are_named(
    tmp_path: Path, rows: list[list[float]], shape: list[int] | None, said: str
) -> None:
    """Lengths, numbers and the shape of images."""
    with pytest.raises(MalformedInput, match=said):
        load_dataset(write(tmp_path / "data", rows, shape), features=True)
