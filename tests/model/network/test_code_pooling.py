"""An embedding that reads the codes: the mean at first, the loss reaches label attention, and a bundle keeps it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.bundle import BundleContents, _network_precision, load_bundle, save_bundle, sign_bundle
from model.bundle_config import parse_config
from model.coder import Coder
from model.errors import BundleDamaged
from model.losses import SimilarityDissimilarityLoss
from model.network.batch import NoteBatch, batch_of_ids
from model.network.document_embedding import CODES
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.windows import window_notes
from tests.factories import LABELS, NOTE, SHORT_NOTE, save_tiny_bundle, tiny_coder

TOKENIZER = open_encoder("tiny").tokenizer
TEXTS = [NOTE, SHORT_NOTE, "x", NOTE * 3]


def batch_of(texts: list[str]) -> NoteBatch:
    return batch_of_ids(window_notes(TOKENIZER, texts, 16, 400), TOKENIZER.pad_token_id)


def network(head: str = "plm-ca", frozen_layers: int = -1, trained: bool = True) -> CodingNetwork:
    """Random weights; ``trained``: as if the residuals had left zero."""
    torch.manual_seed(0)
    made = CodingNetwork(open_encoder("tiny").backbone, len(LABELS), head, frozen_layers=frozen_layers, pooling=CODES)
    made.label_attention.queries.data *= 30
    if trained:
        assert made.document_embedding.codes is not None
        torch.nn.init.normal_(made.document_embedding.codes.outer.weight)
    return made.eval()


def loss_of(made: CodingNetwork) -> Tensor:
    labels = torch.tensor([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]], dtype=torch.float32)
    value: Tensor = SimilarityDissimilarityLoss(0.07)(made(batch_of(TEXTS)).projections, labels)
    return value


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_an_untrained_one_is_the_mean_of_the_token_states(head: str) -> None:
    """To 1e-6, whatever label attention says."""
    made, batch = network(head, trained=False), batch_of(TEXTS)
    with torch.inference_mode():
        states = made.token_states(batch)
        for row, embedding in enumerate(made(batch).embeddings):
            mean = states[row][batch.note_mask[row]].mean(dim=0)
            torch.testing.assert_close(embedding, mean / mean.norm(), atol=1e-6, rtol=0)


def test_the_residual_is_that_of_its_formula() -> None:
    """unit(mean + W unit(sum over codes of p_c e_c)), one note and one code at a time; the other residual is zero."""
    made, batch = network(), batch_of(TEXTS)
    codes = made.document_embedding.codes
    assert codes is not None
    with torch.inference_mode():
        states, output = made.token_states(batch), made(batch)
        for row, embedding in enumerate(output.embeddings):
            mean = states[row][batch.note_mask[row]].mean(dim=0)
            pooled = torch.zeros_like(mean)
            for column, logit in enumerate(output.logits[row].tolist()):
                pooled += codes.vectors[column] / (1 + np.exp(-logit))
            wanted = mean / mean.norm() + codes.outer.weight @ (pooled / pooled.norm())
            torch.testing.assert_close(embedding, wanted / wanted.norm(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
@pytest.mark.parametrize("frozen_layers", [1, 2])
def test_the_contrastive_loss_trains_label_attention_and_the_free_layers(head: str, frozen_layers: int) -> None:
    """The embedding of the mean alone gives label attention no gradient at all; a frozen layer gets none either."""
    made = network(head, frozen_layers)
    torch.autograd.backward(loss_of(made))
    for name in ("queries", "weights", "bias", "keys.weight"):
        gradient = made.label_attention.get_parameter(name).grad
        assert gradient is not None, name
        assert gradient.abs().max() > 0, name
    last = made.encoder.layers[1].attention.self.query.weight.grad
    assert (last is None) == (frozen_layers == 2)
    assert made.encoder.layers[0].attention.self.query.weight.grad is None

    torch.manual_seed(0)
    of_mean = CodingNetwork(open_encoder("tiny").backbone, len(LABELS), head)
    torch.autograd.backward(loss_of(of_mean))
    assert all(parameter.grad is None for parameter in of_mean.label_attention.parameters())


def test_the_first_step_lets_the_gradient_through() -> None:
    """At zero only the residual itself has a gradient; after one step of the optimiser label attention has one."""
    made = network(trained=False)
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-3)
    for step in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(loss_of(made))
        gradient = made.label_attention.queries.grad
        assert gradient is not None
        assert (gradient.abs().max() > 0) == (step == 1)
        optimizer.step()


def test_a_batch_mate_changes_nothing() -> None:
    """A note alone and among longer and shorter ones; and the parts alone give what the whole pass gives."""
    made = network()
    with torch.inference_mode():
        together = made(batch_of(TEXTS))
        for row, text in enumerate(TEXTS):
            alone = batch_of([text])
            torch.testing.assert_close(together.embeddings[row], made(alone).embeddings[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(together.projections[row], made.projections(alone)[0], atol=1e-5, rtol=0)


def test_an_embedding_of_codes_asks_for_them() -> None:
    """Rather than embed without."""
    states, mask = torch.zeros(1, 2, 32), torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="logits"):
        network().document_embedding(states, mask)


def contents(made: CodingNetwork, coder: Coder) -> BundleContents:
    parts = (coder.tokenizer, LABELS, coder.threshold, "plm-ca", "tiny", coder.window, coder.max_tokens, {}, "")
    return BundleContents(made, *parts)


def test_a_bundle_embeds_the_same_and_its_identity_covers_label_attention(tmp_path: Path) -> None:
    """In both ways to embed; the projection head has no part in it, nor has label attention where the mean is read."""
    plain, made = tiny_coder(tmp_path / "plain"), network()

    def identity(name: str) -> str:
        save_bundle(tmp_path / name, contents(made, plain))
        return load_bundle(tmp_path / name).embedding_id

    before = identity("codes")
    loaded = load_bundle(tmp_path / "codes")
    assert loaded.network.pooling == CODES
    for text in (NOTE, SHORT_NOTE):
        whole = replace(plain, network=made).score(text)
        np.testing.assert_array_equal(loaded.score(text).embedding, whole.embedding)
        np.testing.assert_allclose(loaded.embed([text])[0], whole.embedding, atol=1e-6)
        assert np.abs(whole.embedding - plain.embed([text])[0]).max() > 0.01
    with torch.no_grad():
        made.projection_head.outer.bias += 1
        assert identity("projection") == before
        made.label_attention.bias += 1
        assert identity("classifier") != before


def test_older_bundles_read_the_mean_and_a_wrong_value_is_damage(tmp_path: Path) -> None:
    """config.json without the field, and with one that no version wrote."""
    save_tiny_bundle(tmp_path / "new")
    older = Path(shutil.copytree(tmp_path / "new", tmp_path / "older"))
    config = json.loads((older / "config.json").read_text())
    assert config.pop("pooling") == "mean"
    (older / "config.json").write_text(json.dumps(config))
    sign_bundle(older)
    one, other = load_bundle(older), load_bundle(tmp_path / "new")
    assert one.network.pooling == "mean"
    assert one.embedding_id == other.embedding_id
    np.testing.assert_array_equal(one.embed([NOTE]), other.embed([NOTE]))
    (older / "config.json").write_text(json.dumps({**config, "pooling": "maximum"}))
    sign_bundle(older)
    with pytest.raises(BundleDamaged, match="pooling"):
        load_bundle(older)


@pytest.mark.parametrize("fast", [True, False])
def test_beside_int8_the_embedding_never_depends_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    """Label attention computes in bf16 where the CPU multiplies in it, unless the embedding reads it."""
    monkeypatch.setattr("model.network.precision.multiplies_in_bf16", lambda _device: fast)
    save_tiny_bundle(tmp_path / "b")
    path = tmp_path / "b" / "config.json"
    of_mean = parse_config(path, json.loads(path.read_text()))
    assert _network_precision(of_mean, "int8") == ("bf16" if fast else "fp32")
    assert _network_precision(replace(of_mean, pooling=CODES), "int8") == "fp32"
    assert _network_precision(replace(of_mean, pooling=CODES), "bf16") == "bf16"
