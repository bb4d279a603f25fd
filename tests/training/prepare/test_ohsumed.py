"""Ohsumed to a dataset directory: an invented miniature, and the real archive."""

from pathlib import Path

import pytest

from model.dataset import load_dataset
from model.errors import MalformedInput, MissingInput
from model.icd import Code
from tests.training.prepare.corpora import unpacked
from training.prepare.ohsumed import prepare_ohsumed


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twenty training abstracts, one of them in two categories, and one test abstract."""
    root = tmp_path / "ohsumed-first-20000-docs"
    for index in range(20):
        write(root, "training", "C04" if index % 2 else "C14", f"{index:07d}", f"Invented abstract {index}.")
    write(root, "training", "C23", "0000000", "Invented abstract 0.")
    write(root, "test", "C23", "0000100", "Invented test abstract.")
    return root


def write(root: Path, split: str, category: str, name: str, text: str) -> None:
    (root / split / category).mkdir(parents=True, exist_ok=True)
    (root / split / category / name).write_text(text)


def test_folders_become_labels_and_a_share_of_training_dev(source: Path, tmp_path: Path) -> None:
    """From the folder or its parent; titles are those of MeSH."""
    prepare_ohsumed(source.parent, tmp_path / "out", dev_share=0.2)
    data = load_dataset(tmp_path / "out")
    assert data.split_sizes == {"dev": 4, "test": 1, "train": 16}
    first = next(document for document in data.documents() if document.document_id == "0000000")
    assert first.codes == (Code("mesh", "C14"), Code("mesh", "C23"))
    assert data.labels.labels[0].title == "Neoplasms"


def test_two_texts_of_one_number_are_refused(source: Path, tmp_path: Path) -> None:
    """In two categories, or in training and test."""
    write(source, "training", "C01", "0000003", "Another text.")
    with pytest.raises(MalformedInput, match="differs from the abstract"):
        prepare_ohsumed(source, tmp_path / "out")
    (source / "training" / "C01" / "0000003").unlink()
    write(source, "test", "C01", "0000003", "Invented abstract 3.")
    with pytest.raises(MalformedInput, match="in training and in test"):
        prepare_ohsumed(source, tmp_path / "out")


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    """No training and test in it."""
    with pytest.raises(MissingInput, match="ohsumed-first-20000-docs"):
        prepare_ohsumed(tmp_path, tmp_path / "out")


@pytest.mark.corpus
def test_the_real_corpus_has_its_published_counts(tmp_path: Path) -> None:
    """6,286 training and 7,643 test abstracts in 23 categories."""
    prepare_ohsumed(unpacked("ohsumed.tar.xz", "Ohsumed", tmp_path), tmp_path / "out")
    data = load_dataset(tmp_path / "out")
    assert data.split_sizes["test"] == 7643
    assert data.split_sizes["train"] + data.split_sizes["dev"] == 6286
    assert len(data.labels) == 23
