"""A ranker in a folder: what is loaded ranks the same, and what does not fit is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model.code_vectors import CodeVectors
from model.errors import BundleDamaged
from model.labels import LabelSpace
from model.ranking.ranker import Ranker
from model.ranking.ranker_files import load_ranker, save_ranker
from model.text.read_note import ReadNote
from tests.tiny_ranker import CODES, TRAINED, WordChannel, invented_notes, tiny_ranker

LABELS = LabelSpace(CODES.labels[:TRAINED])
CHANNELS = WordChannel()


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return tiny_ranker(30)


@pytest.fixture
def folder(ranker: Ranker, tmp_path: Path) -> Path:
    save_ranker(tmp_path, ranker, TRAINED)
    return tmp_path


def test_a_ranker_saved_and_loaded_ranks_the_same(ranker: Ranker, folder: Path) -> None:
    """With neighbours and without, thresholds and sets included; the code set is label space and further codes."""
    loaded = load_ranker(folder, LABELS, CHANNELS)
    assert loaded.codes == CODES
    for note in invented_notes(5, seed=7):
        for neighbours in (None, note.neighbours):
            before = ranker.rank(ReadNote(note.text), note.probabilities, neighbours)
            after = loaded.rank(ReadNote(note.text), note.probabilities, neighbours)
            np.testing.assert_array_equal(after.columns, before.columns)
            np.testing.assert_array_equal(after.probabilities, before.probabilities)
            assert after.fusion.conformal == before.fusion.conformal
            assert [each.to_json() for each in after.fusion.policies] == [
                each.to_json() for each in before.fusion.policies
            ]


def test_files_that_do_not_fit_are_refused(folder: Path) -> None:
    """Another format, a channel that the bundle lacks, numbers that are none, a fusion that is missing."""
    text = (folder / "ranker.json").read_text()
    described = json.loads(text)
    for changed in (
        described | {"format": "icd-coder ranker 9"},
        described | {"lexical": True},
        described | {"fusions": {}},
        {},
    ):
        (folder / "ranker.json").write_text(json.dumps(changed))
        with pytest.raises(BundleDamaged, match="no usable ranker|missing or damaged"):
            load_ranker(folder, LABELS, CHANNELS)
    (folder / "ranker.json").write_text(text)
    arrays = load_file(folder / "with_neighbours.safetensors")
    name = next(name for name in arrays if arrays[name].dtype == np.float64)
    save_file(arrays | {name: np.full_like(arrays[name], np.nan)}, folder / "with_neighbours.safetensors")
    with pytest.raises(BundleDamaged):
        load_ranker(folder, LABELS, CHANNELS)
    (folder / "with_neighbours.safetensors").unlink()
    with pytest.raises(BundleDamaged):
        load_ranker(folder, LABELS, CHANNELS)


def test_weights_of_code_vectors_come_back_and_wrong_ones_are_refused(ranker: Ranker, folder: Path) -> None:
    weights = np.linspace(0.5, 2.0, len(CODES)).astype(np.float32)
    assert load_ranker(folder, LABELS, CHANNELS).code_vectors is None
    save_ranker(folder, replace(ranker, code_vectors=CodeVectors(weights, 0.75)), TRAINED)
    loaded = load_ranker(folder, LABELS, CHANNELS).code_vectors
    assert loaded is not None
    assert loaded.code_share == 0.75
    np.testing.assert_array_equal(loaded.weights, weights)
    for wrong in (weights[1:], np.where(weights == weights[0], 0, weights), np.append(weights[1:], np.nan)):
        save_file({"weights": wrong.astype(np.float32)}, folder / "code_vectors.safetensors")
        with pytest.raises(BundleDamaged, match="no usable ranker"):
            load_ranker(folder, LABELS, CHANNELS)
