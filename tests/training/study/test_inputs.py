"""What a study reads: texts or features, with or without a test split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import MalformedInput
from tests.factories import tiny_documents, write_tiny_dataset
from training.prepare.dataset_directory import Record, write_dataset
from training.study.inputs import load_study_data
from training.study.text_features import text_features


def test_texts_become_standardised_features(tmp_path: Path) -> None:
    """Mean 0 and deviation 1 over training; the split's documents in their order."""
    data = load_study_data(write_tiny_dataset(tmp_path / "data"), "lsa", 16, tmp_path / "cache")
    assert (len(data.train), len(data.tuning), len(data.judged), data.judged_split) == (36, 12, 12, "test")
    np.testing.assert_allclose(data.train.features.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.features.std(axis=0), 1, atol=1e-4)
    assert data.train_counts.tolist() == [label.count_train for label in data.labels.labels]
    assert data.image_shape is None


def test_without_a_test_split_dev_is_judged_and_training_held_back(tmp_path: Path) -> None:
    """No subject is in training and in tuning."""
    kept = [document for document in tiny_documents() if document.split != "test"]
    write_dataset(tmp_path / "data", kept, {}, Record(options={}))
    data = load_study_data(tmp_path / "data", "lsa", 16, tmp_path / "cache")
    assert data.judged_split == "dev"
    assert len(data.judged) == 12
    assert (len(data.train), len(data.tuning)) == (30, 6)  # 15% of 36 is 5.4, and a subject has two
    assert not set(data.train.subjects) & set(data.tuning.subjects)


def test_frozen_features_are_means_kept_in_the_cache(tmp_path: Path) -> None:
    """The second call reads the file; another number of tokens or another text makes its own."""
    texts = ["Invented note: a fall.", "Invented note: pneumonia and fever, much longer than the other one."]
    first = text_features(texts, "tiny", 16, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    stored = np.load(file)
    stored[0] = 7
    np.save(file, stored)
    np.testing.assert_array_equal(text_features(texts, "tiny", 16, tmp_path / "cache"), stored)
    assert first.shape == (2, 32)
    text_features(texts, "tiny", 8, tmp_path / "cache")
    text_features(texts[::-1], "tiny", 16, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3
    file.write_bytes(b"damaged")
    with pytest.raises(MalformedInput, match="remove it"):
        text_features(texts, "tiny", 16, tmp_path / "cache")


def test_the_fingerprint_changes_with_a_label(tmp_path: Path) -> None:
    """So that cells of two datasets never stand in one study."""
    documents = tiny_documents()
    write_dataset(tmp_path / "one", documents, {}, Record(options={}))
    changed = [replace(documents[0], codes=documents[0].codes[:1] + documents[7].codes[:1]), *documents[1:]]
    write_dataset(tmp_path / "two", changed, {}, Record(options={}))
    one, two = (load_study_data(tmp_path / name, "lsa", 16, tmp_path / "cache") for name in ("one", "two"))
    assert one.fingerprint != two.fingerprint
