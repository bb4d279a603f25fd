"""Scores of any model, from a file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.errors import LabelSpaceMismatch, MalformedInput, MissingInput
from model.labels import Label, LabelSpace
from training.evaluation.scores_file import read_scores

LABELS = LabelSpace((Label("icd9cm", "401.9", "a"), Label("icd9cm", "428.0", "b"), Label("icd9pcs", "00.66", "c")))
IDS = ["d1", "d2"]
SCORES = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=np.float32)
COLUMNS = {
    "icd9pcs:00.66": pa.array([0.6, 0.3], pa.float32()),
    "document_id": ["d2", "d1"],
    "icd9cm:428.0": pa.array([0.5, 0.2], pa.float32()),
    "icd9cm:401.9": pa.array([0.4, 0.1], pa.float32()),
}


def _parquet(folder: Path, **changes: object) -> Path:
    columns = {name.replace("__", ":"): values for name, values in (COLUMNS | changes).items() if values is not None}
    pq.write_table(pa.table(columns), folder / "scores.parquet")
    return folder / "scores.parquet"


def _npy(folder: Path, scores: np.ndarray) -> Path:
    np.save(folder / "scores.npy", scores)
    return folder / "scores.npy"


def test_a_matrix_in_dataset_order(tmp_path: Path) -> None:
    """As it is, in its own precision."""
    found = read_scores(_npy(tmp_path, SCORES), IDS, LABELS, "test")
    assert found.tolist() == SCORES.tolist()
    assert read_scores(_npy(tmp_path, SCORES.astype(np.float64)), IDS, LABELS, "test").dtype == np.float64
    assert read_scores(_npy(tmp_path, SCORES.astype(np.float16)), IDS, LABELS, "test").dtype == np.float32


def test_a_table_in_any_order(tmp_path: Path) -> None:
    """Rows by document_id, columns by code; float64 where a column is."""
    found = read_scores(_parquet(tmp_path), IDS, LABELS, "test")
    assert found.tolist() == SCORES.tolist()
    assert found.dtype == np.float32
    wider = _parquet(tmp_path, **{"icd9cm:401.9": [0.4, 0.1]})
    assert read_scores(wider, IDS, LABELS, "test")[:, 0].tolist() == [0.1, 0.4]


@pytest.mark.parametrize("shape", [(3, 3), (2, 2), (6,), (2, 3, 1)])
def test_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Found, expected and the order are named."""
    with pytest.raises(MalformedInput, match=r"needs \(2, 3\)"):
        read_scores(_npy(tmp_path, np.zeros(shape)), IDS, LABELS, "test")


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex64])
def test_other_numbers_are_refused(tmp_path: Path, dtype: type) -> None:
    """Selected codes are no scores."""
    with pytest.raises(MalformedInput, match="expected float32 or float64"):
        read_scores(_npy(tmp_path, SCORES.astype(dtype)), IDS, LABELS, "test")


def test_missing_values_are_named_by_document_and_code(tmp_path: Path) -> None:
    """NaN in a matrix, NaN or null in a table."""
    scores = SCORES.copy()
    scores[1, 2] = np.nan
    for path in (
        _npy(tmp_path, scores),
        _parquet(tmp_path, **{"icd9pcs:00.66": pa.array([None, 0.3], pa.float32())}),
    ):
        with pytest.raises(MalformedInput, match=r"'d2', code icd9pcs:00\.66"):
            read_scores(path, IDS, LABELS, "test")


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["d1", "d1"], "twice"),
        (["d1", "d3"], "lacks 1 of the 2 documents of the split 'test', first 'd2'"),
        (None, "no column 'document_id'"),
    ],
)
def test_other_documents_are_refused(tmp_path: Path, ids: list[str] | None, said: str) -> None:
    """Missing, repeated, or without ids at all."""
    with pytest.raises(MalformedInput, match=said):
        read_scores(_parquet(tmp_path, document_id=ids), IDS, LABELS, "test")


def test_documents_of_other_splits_are_refused(tmp_path: Path) -> None:
    """One file, one split."""
    with pytest.raises(MalformedInput, match="'d2' is none of them"):
        read_scores(_parquet(tmp_path), ["d1"], LABELS, "test")


def test_other_codes_are_refused(tmp_path: Path) -> None:
    """A column that is no code, a code without a column: both with what to do."""
    with pytest.raises(LabelSpaceMismatch, match=r"first 'icd9cm:66\.': name columns SYSTEM:CODE"):
        read_scores(_parquet(tmp_path, **{"icd9cm:66.": [0.1, 0.2]}), IDS, LABELS, "test")
    with pytest.raises(
        LabelSpaceMismatch, match=r"lacks 1 of the 3 codes, first 'icd9pcs:00\.66': add a column of zeros"
    ):
        read_scores(_parquet(tmp_path, **{"icd9pcs:00.66": None}), IDS, LABELS, "test")


def test_columns_of_text_are_refused(tmp_path: Path) -> None:
    """No traceback of the parquet library."""
    with pytest.raises(MalformedInput, match="parquet of numbers"):
        read_scores(_parquet(tmp_path, **{"icd9cm:401.9": ["high", "low"]}), IDS, LABELS, "test")


@pytest.mark.parametrize(("name", "error"), [("none.npy", MissingInput), ("x.csv", MalformedInput)])
def test_other_files_are_refused(tmp_path: Path, name: str, error: type[Exception]) -> None:
    """A missing file, another kind of file."""
    (tmp_path / "x.csv").write_text("a,b\n")
    with pytest.raises(error, match="--scores names a .npy or"):
        read_scores(tmp_path / name, IDS, LABELS, "test")


@pytest.mark.parametrize("name", ["scores.npy", "scores.parquet"])
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    """Cut short."""
    path = _npy(tmp_path, SCORES) if name.endswith("npy") else _parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(MalformedInput):
        read_scores(path, IDS, LABELS, "test")


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    """An .npy of objects is refused."""
    np.save(tmp_path / "scores.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(MalformedInput, match="numpy.save"):
        read_scores(tmp_path / "scores.npy", IDS, LABELS, "test")
