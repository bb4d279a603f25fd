"""Yeast to a dataset directory of features: invented HDF5 files, and the real ones."""

from pathlib import Path

import numpy as np
import pytest

from model.dataset import load_dataset
from model.errors import MalformedInput, MissingInput
from model.icd import Code
from tests.training.prepare.corpora import corpus
from training.prepare.yeast import FILES, prepare_yeast

h5py = pytest.importorskip("h5py", reason="reading HDF5 needs h5py: pip install 'icd-coder[study]'")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two genes a split with three measurements and two classes."""
    folder = tmp_path / "yeast"
    folder.mkdir()
    for name in FILES.values():
        with h5py.File(folder / name, "w") as file:
            file["feature"] = np.array([[0.5, 1, -1], [2, 3, 4]])
            file["target"] = np.array([[1, 0], [1, 1]])
    return folder


def test_genes_become_rows_of_features(source: Path, tmp_path: Path) -> None:
    """Classes are codes from 01 on."""
    prepare_yeast(source, tmp_path / "out")
    data = load_dataset(tmp_path / "out", features=True)
    assert data.split_sizes == {"dev": 2, "test": 2, "train": 2}
    np.testing.assert_array_equal(data.features("train"), np.array([[0.5, 1, -1], [2, 3, 4]], np.float32))
    assert data.documents("train")[1].codes == (Code("yeast", "01"), Code("yeast", "02"))
    assert data.labels.labels[0].title == "functional class 1"


def test_files_that_do_not_fit_are_named(source: Path, tmp_path: Path) -> None:
    """Another form, no HDF5 at all, and none."""
    path = source / FILES["dev"]
    with h5py.File(path, "w") as file:
        file["feature"] = np.zeros((3, 2))
        file["target"] = np.zeros((2, 2))
    with pytest.raises(MalformedInput, match=r"features \(3, 2\)"):
        prepare_yeast(source, tmp_path / "out")
    path.write_text("no HDF5")
    with pytest.raises(MalformedInput, match="not an HDF5 file"):
        prepare_yeast(source, tmp_path / "out")
    path.unlink()
    with pytest.raises(MissingInput, match="is missing"):
        prepare_yeast(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.corpus
def test_the_real_files_have_their_counts(tmp_path: Path) -> None:
    """1,500 training and 917 test genes, 14 classes, 103 measurements."""
    prepare_yeast(corpus("yeast"), tmp_path / "out")
    data = load_dataset(tmp_path / "out", features=True)
    assert data.split_sizes == {"dev": 300, "test": 917, "train": 1200}
    features = data.features("train")
    assert features is not None
    assert features.shape == (1200, 103)
    assert len(data.labels) == 14
