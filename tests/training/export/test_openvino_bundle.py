"""Exporting: a new bundle beside an unchanged one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.bundle import load_bundle, verify_bundle
from model.errors import EmptyDataset, InvalidOption, MissingInput, OutputExists
from model.network.encoder import WindowEncoder
from model.network.encoder_source import open_encoder
from model.network.int8_encoder import require_openvino
from tests.factories import SHORT_NOTE, save_tiny_bundle, tiny_documents, write_tiny_roberta
from training.export.int8 import WholeWindows, converted_encoder
from training.export.openvino_bundle import calibration_windows, export_openvino, texts_of_titles, training_notes
from training.prepare.dataset_directory import Record, write_dataset


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_adds_to_a_bundle_and_changes_only_its_card(int8_bundle: Path) -> None:
    """The old one verifies still; the new one verifies too, under an id of its own."""
    before, after = files(int8_bundle.parent / "plain"), files(int8_bundle)
    verify_bundle(int8_bundle.parent / "plain")
    verify_bundle(int8_bundle)
    assert set(after) - set(before) == {"openvino/encoder.xml", "openvino/encoder.bin"}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"card.json", "README.md", "manifest.json"}
    plain, new = load_bundle(int8_bundle.parent / "plain"), load_bundle(int8_bundle, precision="auto")
    assert plain.bundle_id != new.bundle_id
    assert new.card["export"]["from_bundle"] == plain.bundle_id
    assert new.card["export"]["calibrated_on"] == "training notes of data"


def test_no_word_of_a_calibrating_note_is_in_the_bundle(int8_bundle: Path) -> None:
    """Ranges of numbers are all that is kept."""
    for name, content in files(int8_bundle).items():
        assert b"McTestface" not in content, name
        assert str(int8_bundle.parent).encode() not in content, name


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_converted_graph_is_the_encoder(tmp_path: Path, family: str) -> None:
    """Before int8: equal to torch to 1e-4, for more and longer windows than those it was traced with."""
    pytest.importorskip("openvino")
    source = open_encoder("tiny" if family == "bert" else str(write_tiny_roberta(tmp_path / "roberta")))
    encoder = WindowEncoder(source.backbone).eval()
    draw = np.random.default_rng(0).integers(5, 300, size=(7, 31))
    graph = converted_encoder(require_openvino(), WholeWindows(encoder).eval(), draw[:2, :9])
    request = require_openvino().Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for ids in (draw, draw[:1, :3]):
        with torch.inference_mode():
            expected = encoder(torch.from_numpy(ids), torch.ones(ids.shape, dtype=torch.bool))
        np.testing.assert_allclose(request([ids])[0], expected.numpy(), atol=1e-4)


def test_the_ranges_come_from_training_notes_alone(tmp_path: Path) -> None:
    """A dev or test note never touches a bundle that is judged on it."""
    documents = tiny_documents(60)
    write_dataset(tmp_path / "data", documents, {}, Record(options={}))
    texts = training_notes(tmp_path / "data", seed=3)
    assert texts == training_notes(tmp_path / "data", seed=3)
    assert len(texts) == len(set(texts)) == 36
    assert set(texts) <= {document.text for document in documents if document.split == "train"}


def test_windows_are_whole_and_chosen_by_the_seed(int8_bundle: Path) -> None:
    """Of a note at most four, as they stand in it."""
    coder = load_bundle(int8_bundle)
    texts = texts_of_titles(coder, seed=1)
    windows = calibration_windows(coder, texts, seed=1)
    assert len(windows) == len(texts) == 64
    first, last = coder.tokenizer.cls_token_id, coder.tokenizer.sep_token_id
    for batch in windows:
        assert 1 <= len(batch) <= 4
        assert batch.shape[1] <= coder.window
        assert (batch[:, 0] == first).all()
        assert (batch[:, -1] == last).all()
    again = calibration_windows(coder, texts_of_titles(coder, seed=1), seed=1)
    assert all(np.array_equal(one, other) for one, other in zip(windows, again, strict=True))


def test_what_cannot_be_exported_is_said_before_the_work(int8_bundle: Path, tmp_path: Path) -> None:
    """And nothing is left at the output."""
    plain = int8_bundle.parent / "plain"
    with pytest.raises(InvalidOption, match="already"):
        export_openvino(int8_bundle, None, tmp_path / "out")
    with pytest.raises(OutputExists, match="choose another --out"):
        export_openvino(plain, None, int8_bundle)
    dev = [document for document in tiny_documents(60) if document.split == "dev"]
    write_dataset(tmp_path / "dev", dev, {}, Record(options={}))
    with pytest.raises(EmptyDataset, match="'train'"):
        export_openvino(plain, tmp_path / "dev", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_without_nncf_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half written stays."""
    import sys

    pytest.importorskip("openvino")
    save_tiny_bundle(tmp_path / "plain")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(MissingInput, match=r"NNCF.*icd-coder\[openvino\]"):
        export_openvino(tmp_path / "plain", None, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_titles_calibrate_where_no_data_is_named(int8_bundle: Path, tmp_path: Path) -> None:
    """The card says so, and the bundle answers."""
    export_openvino(int8_bundle.parent / "plain", None, tmp_path / "out")
    coder = load_bundle(tmp_path / "out", precision="int8")
    assert coder.card["export"]["calibrated_on"] == "titles of the codes"
    assert coder.predict([SHORT_NOTE])[0].precision == "int8"
