"""Bundles: what is loaded predicts the same, and any damage is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model.bundle import NOT_COUNTED, load_bundle, sign_bundle, verify_bundle
from model.code_vectors import CodeVectors
from model.errors import BundleDamaged, MissingInput, OutputExists, UnwritableOutput
from model.network.encoder_source import open_encoder
from model.text.note_kind import Limits, NoteKind
from tests.factories import LABELS, NOTE, POLICY, SHORT_NOTE, save_tiny_bundle, tiny_coder, tiny_network
from tests.tiny_ranker import CODES, tiny_ranker


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One saved bundle; a test that damages a file puts it back."""
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    save_tiny_bundle(path)
    return path


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_a_bundle_saved_and_loaded_predicts_the_same(tmp_path: Path, head: str) -> None:
    """Probabilities and embeddings of the network in memory and of the loaded one are equal."""
    coder = tiny_coder(tmp_path / "bundle", head)
    loaded = [coder.score(text) for text in (NOTE, SHORT_NOTE)]
    coder.network = tiny_network(head=head)
    for before, text in zip(loaded, (NOTE, SHORT_NOTE), strict=True):
        now = coder.score(text)
        np.testing.assert_array_equal(before.probabilities, now.probabilities)
        np.testing.assert_array_equal(before.embedding, now.embedding)


def test_labels_and_thresholds_come_back_as_they_were(bundle: Path) -> None:
    """Leading zeros, dots, titles and counts included."""
    coder = load_bundle(bundle)
    assert coder.labels == LABELS
    assert coder.labels[5].code == "00.66"
    assert coder.threshold.value == 0.5


def test_threshold_policies_come_back_and_older_bundles_have_none(bundle: Path, tmp_path: Path) -> None:
    """A thresholds.json with the global threshold alone still loads."""
    import shutil

    (policy,) = load_bundle(bundle).policies
    assert policy.to_json() == POLICY.to_json()
    older = tmp_path / "older"
    shutil.copytree(bundle, older)
    thresholds = older / "ranker" / "thresholds.json"
    thresholds.write_text(json.dumps({"value": 0.25, "tuned_on": "dev", "policy": "global"}))
    _sign_again(older)
    coder = load_bundle(older)
    assert (coder.threshold.value, coder.policies) == (0.25, ())
    thresholds.write_text(json.dumps({"value": 0.25, "tuned_on": "dev", "policies": [{"name": "per-code"}]}))
    _sign_again(older)
    with pytest.raises(BundleDamaged, match=r"thresholds\.json"):
        load_bundle(older)


def test_the_kind_of_the_notes_comes_back_and_older_bundles_have_none(bundle: Path, tmp_path: Path) -> None:
    """In the size of the bundle's embeddings."""
    coder = load_bundle(bundle)
    assert coder.note_kind is None
    centre = coder.embed([NOTE])
    kind = NoteKind(np.array([1, 7], dtype=np.uint32), centre, Limits(0.8, 0.1, 0.2, 0.8))
    save_tiny_bundle(tmp_path / "bundle", note_kind=kind)
    found = load_bundle(tmp_path / "bundle").note_kind
    assert found is not None
    assert (found.limits, found.pairs.tolist()) == (kind.limits, [1, 7])
    assert found.signs(NOTE, centre[0]).distance == pytest.approx(0, abs=1e-6)


def test_a_flipped_byte_in_any_file_is_refused(bundle: Path) -> None:
    """Every file of the bundle, the manifest too, at its first, middle and last byte."""
    files = [path for path in sorted(bundle.rglob("*")) if path.is_file()]
    assert len(files) >= 9
    for file in files:
        content = file.read_bytes()
        for position in {0, len(content) // 2, len(content) - 1}:
            damaged = bytearray(content)
            damaged[position] ^= 1
            file.write_bytes(damaged)
            with pytest.raises(BundleDamaged, match=file.name):
                verify_bundle(bundle)
        file.write_bytes(content)
    verify_bundle(bundle)


def test_white_space_in_the_manifest_is_damage_too(bundle: Path) -> None:
    """A manifest has one spelling, so that its own hash, the bundle_id, cannot drift."""
    manifest = bundle / "manifest.json"
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b"  ", b" \n", 1))
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        load_bundle(bundle)
    manifest.write_bytes(content)


def test_a_missing_and_an_extra_file_are_refused(tmp_path: Path) -> None:
    """Both are named."""
    save_tiny_bundle(tmp_path / "b")
    (tmp_path / "b" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BundleDamaged, match="pytorch_model"):
        load_bundle(tmp_path / "b")
    (tmp_path / "b" / "pytorch_model.bin").unlink()
    (tmp_path / "b" / "labels.parquet").unlink()
    with pytest.raises(BundleDamaged, match="labels"):
        load_bundle(tmp_path / "b")


def test_a_folder_without_a_bundle_is_named(tmp_path: Path) -> None:
    """With the command that makes one."""
    with pytest.raises(MissingInput, match="icd-coder train"):
        load_bundle(tmp_path / "nothing")


def test_weights_with_a_nan_are_refused(tmp_path: Path) -> None:
    """Even when the checksum was made over them."""
    save_tiny_bundle(tmp_path / "b")
    state = load_file(tmp_path / "b" / "model.safetensors")
    state["label_attention.bias"][0] = torch.nan
    save_file(state, tmp_path / "b" / "model.safetensors")
    _sign_again(tmp_path / "b")
    with pytest.raises(BundleDamaged, match="NaN"):
        load_bundle(tmp_path / "b")


def test_a_label_list_of_another_length_is_refused(tmp_path: Path) -> None:
    """Weights, configuration and labels must agree, checksums or not."""
    from dataclasses import replace

    save_tiny_bundle(tmp_path / "b")
    fewer = replace(LABELS, labels=LABELS.labels[:-1])
    save_tiny_bundle(tmp_path / "other", labels=LABELS)
    import pyarrow.parquet as pq

    pq.write_table(fewer.to_table(), tmp_path / "b" / "labels.parquet")
    _sign_again(tmp_path / "b")
    with pytest.raises(BundleDamaged, match="label space"):
        load_bundle(tmp_path / "b")


def test_an_existing_bundle_is_never_overwritten(bundle: Path) -> None:
    """A bundle is immutable."""
    with pytest.raises(OutputExists, match="choose another"):
        save_tiny_bundle(bundle)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half bundle, and no staging folder."""

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model.bundle.pq.write_table", fail)
    with pytest.raises(KeyboardInterrupt):
        save_tiny_bundle(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """safetensors has an error of its own for it."""

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("model.bundle.save_file", full)
    with pytest.raises(UnwritableOutput, match="No space left"):
        save_tiny_bundle(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_identities(tmp_path: Path) -> None:
    """The embedding_id ignores the classifier and changes with the encoder; the bundle_id changes with both."""
    plm_ca, laat = tiny_coder(tmp_path / "a"), tiny_coder(tmp_path / "b", "plm-icd")
    save_tiny_bundle(tmp_path / "c", seed=7)
    other = load_bundle(tmp_path / "c")
    assert plm_ca.bundle_id != laat.bundle_id
    assert plm_ca.embedding_id != other.embedding_id
    assert json.loads((tmp_path / "a" / "config.json").read_text())["embedding_id"] == plm_ca.embedding_id


def test_the_embedding_id_names_what_embeds_and_nothing_else(tmp_path: Path) -> None:
    """Same after loading and saving again; deaf to labels and classifier; changed by weights, windows, arithmetic,
    and by the weights of code vectors."""
    from dataclasses import replace

    from model.bundle import BundleContents, save_bundle

    coder = tiny_coder(tmp_path / "a")
    contents = BundleContents(
        coder.network,
        coder.tokenizer,
        LABELS,
        coder.threshold,
        "plm-ca",
        "tiny",
        coder.window,
        coder.max_tokens,
        {},
        "",
    )

    def identity(name: str, changed: BundleContents) -> str:
        save_bundle(tmp_path / name, changed)
        return str(json.loads((tmp_path / name / "config.json").read_text())["embedding_id"])

    assert identity("again", contents) == coder.embedding_id
    ranker, weights = tiny_ranker(30), np.ones(len(CODES), dtype=np.float32)
    assert identity("ranker", replace(contents, ranker=ranker)) == coder.embedding_id

    def with_vectors(name: str, weights: np.ndarray, share: float) -> str:
        vectors = CodeVectors(weights, share)
        return identity(name, replace(contents, ranker=replace(ranker, code_vectors=vectors)))

    assert with_vectors("vectors", weights, 0.5) != coder.embedding_id
    assert with_vectors("share", weights, 0.9) == with_vectors("vectors again", weights, 0.5)
    assert with_vectors("other weights", 2 * weights, 0.5) != with_vectors("same weights", weights, 0.5)
    with torch.no_grad():
        coder.network.label_attention.bias += 1
        coder.network.projection_head.outer.bias += 1
    assert identity("classifier", contents) == coder.embedding_id
    assert identity("window", replace(contents, window=32)) != coder.embedding_id
    coder.network.encoder.config.num_attention_heads = 4
    assert identity("heads", contents) != coder.embedding_id
    coder.network.encoder.config.num_attention_heads = 2
    with torch.no_grad():
        coder.network.document_embedding.outer.bias += 1
    assert identity("weights", contents) != coder.embedding_id


def test_opening_an_unknown_encoder_names_the_ways_out() -> None:
    """A hub id is fetched with leave only."""
    from model.errors import InvalidOption

    with pytest.raises(InvalidOption, match="allow-download"):
        open_encoder("someone/some-encoder")


def _sign_again(path: Path) -> None:
    """Make the checksums fit the damaged files, as a careless tool would."""
    from model.bundle import _files, _manifest_bytes, _sha256

    files = {name: _sha256(path / name) for name in _files(path)}
    (path / "manifest.json").write_bytes(_manifest_bytes(files))


def test_the_number_of_patients_is_in_the_manifest(tmp_path: Path) -> None:
    """Whoever takes a bundle over can read it; a changed number is damage."""
    save_tiny_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "card.json").write_text(json.dumps({"words": {"least_patients": 5}}))
    sign_bundle(tmp_path / "bundle")
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["least_patients"] == 5
    assert load_bundle(tmp_path / "bundle").card["words"]["least_patients"] == 5
    text = (tmp_path / "bundle" / "manifest.json").read_text().replace('"least_patients": 5', '"least_patients": 50')
    (tmp_path / "bundle" / "manifest.json").write_text(text)
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        load_bundle(tmp_path / "bundle")


def test_a_bundle_of_an_earlier_version_says_that_it_counted_notes(tmp_path: Path) -> None:
    """It opens as before."""
    save_tiny_bundle(tmp_path / "bundle")
    assert "least_patients" not in json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert load_bundle(tmp_path / "bundle").card["words"] == NOT_COUNTED
