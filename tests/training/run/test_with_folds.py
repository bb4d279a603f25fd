"""A bundle that learned from every note: its thresholds and its ranker come from networks that did not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from model.bundle import load_bundle
from model.dataset import load_dataset
from model.errors import LabelSpaceMismatch, OutputExists
from model.network.encoder_source import open_encoder
from tests.factories import write_tiny_dataset
from training.options import TrainingOptions
from training.run.cross_fit import HELD_OUT, HeldOut, train_without
from training.run.network import build_network, notes_of
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle
from training.run.with_folds import ranker_fold

OPTIONS = TrainingOptions(encoder="tiny", epochs=2, batch_size=8, window=64, max_tokens=64, freeze_layers=2, threads=1)


def request(folder: Path, resume: bool = False) -> TrainingRequest:
    return TrainingRequest(
        folder / "data",
        folder / "bundle",
        OPTIONS,
        ("train", "dev"),
        folder / "cache",
        resume=resume,
        ranker=True,
        ranker_folds=2,
        code_universe="trained",
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds")
    write_tiny_dataset(folder / "data", 80)
    train_bundle(request(folder))
    return folder


def test_the_bundle_learned_from_all_notes(trained: Path) -> None:
    """Its counts are of train and dev together; it has a ranker with neighbours; its card says how it was judged."""
    coder, dataset = load_bundle(trained / "bundle"), load_dataset(trained / "data")
    documents = dataset.documents("train", "dev")
    counted = sum(len(set(document.codes)) for document in documents)
    assert coder.labels.train_counts.sum() == counted
    assert coder.ranker is not None
    assert coder.ranker.with_neighbours is not None
    assert coder.ranker.candidate_builder.documents == len(documents) == coder.card["data"]["training_documents"]
    assert coder.card["ranker"]["with_neighbours"]["notes"] == len(documents)
    assert not coder.card["measured"]["chosen_by_validation"]
    assert coder.predict([documents[0].text])[0].codes


def test_single_codes_were_counted_on_every_note_out_of_fold(trained: Path) -> None:
    """With neighbours and without, what was assigned is what the data says."""
    coder, dataset = load_bundle(trained / "bundle"), load_dataset(trained / "data")
    for with_neighbours in (False, True):
        counts = coder.threshold_policies(with_neighbours)[0].counts
        assert counts is not None
        assert counts.notes == len(dataset.documents("train", "dev"))
        assigned = [counts.of(column).assigned_notes for column in range(len(coder.labels))]
        assert assigned == coder.labels.train_counts.tolist()
        assert counts.true_positives.sum() > 0


def test_no_patient_is_on_both_sides_and_every_note_is_judged_once(trained: Path) -> None:
    """The parts of a split of the notes, by hand."""
    dataset = load_dataset(trained / "data")
    documents = list(dataset.documents("train", "dev"))
    seen = []
    for fold in (1, 2):
        found = _held_out(trained, fold)
        part = ranker_fold(documents, found)
        assert not {d.subject_id for d in part.notes} & {d.subject_id for d in part.corpus}
        assert len(part.notes) == len(part.probabilities) == len(part.embeddings)
        assert len(part.corpus) == len(part.corpus_embeddings)
        seen += [document.document_id for document in part.notes]
    assert sorted(seen) == sorted(document.document_id for document in documents)


def test_the_codes_of_a_held_out_note_change_nothing_that_its_network_says(trained: Path, tmp_path: Path) -> None:
    """The network that is asked about a fold never saw the fold's labels: shuffled ones give the same answer."""
    dataset = load_dataset(trained / "data")
    documents = list(dataset.documents("train", "dev"))
    held = np.isin(np.arange(len(documents)), _held_out(trained, 1).places)
    encoder = open_encoder("tiny", False)
    answers = []
    for name, shift in (("as they are", 0), ("shuffled", 1)):
        codes = [document.codes for document in documents]
        places = np.flatnonzero(held)
        for place, other in zip(places.tolist(), np.roll(places, shift).tolist(), strict=True):
            object.__setattr__(documents[place], "codes", codes[other])
        asked = request(tmp_path)
        network = build_network(encoder, dataset, documents, OPTIONS)
        notes = notes_of(network, encoder, dataset, documents, asked)
        answers.append(train_without(asked, dataset, documents, notes, held, tmp_path / name).probabilities)
    np.testing.assert_array_equal(answers[0], answers[1])


def test_a_finished_fold_is_read_again_and_another_run_is_refused(trained: Path, tmp_path: Path) -> None:
    """After a stop only what is missing is trained; without --resume a begun run is never overwritten."""
    first = json.loads((trained / "bundle" / "manifest.json").read_text())["files"]["model.safetensors"]
    shutil.copytree(trained, tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "bundle")
    with pytest.raises(OutputExists, match="--resume"):
        train_bundle(request(tmp_path / "again"))
    marked = tmp_path / "again" / "bundle.run" / "without-fold-1" / "held_out.safetensors"
    before = marked.stat().st_mtime_ns
    train_bundle(request(tmp_path / "again", resume=True))
    again = json.loads((tmp_path / "again" / "bundle" / "manifest.json").read_text())["files"]["model.safetensors"]
    assert (again, marked.stat().st_mtime_ns) == (first, before)
    shutil.rmtree(tmp_path / "again" / "bundle")
    shutil.copy(marked, marked.parents[1] / "without-fold-2")
    with pytest.raises(LabelSpaceMismatch, match="holds a fold of a run with other data"):
        train_bundle(request(tmp_path / "again", resume=True))


def _held_out(folder: Path, fold: int) -> HeldOut:
    arrays = load_file(folder / "bundle.run" / f"without-fold-{fold}" / HELD_OUT)
    return HeldOut(arrays["places"], arrays["probabilities"], arrays["embeddings"])
