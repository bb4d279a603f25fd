"""A RoBERTa with byte-level tokens: positions, padding, offsets, and the way through a bundle."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.bundle import BundleContents, load_bundle, save_bundle
from model.network.batch import batch_of_ids
from model.network.encoder import longest_window
from model.network.encoder_source import EncoderSource, open_encoder
from model.network.network import CodingNetwork
from model.network.windows import SPECIAL, window_notes
from model.ranking.thresholds import GlobalThreshold
from tests.factories import LABELS, NOTE, SHORT_NOTE, write_tiny_roberta

TEXT = "  Zoë Fakely \U0001f691 fell.\n\nNo e\u0301clampsia;\t \u05e9\u05dc\u05d5\u05dd, 中文   end  "


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> EncoderSource:
    return open_encoder(str(write_tiny_roberta(tmp_path_factory.mktemp("encoders") / "roberta")))


def network_of(source: EncoderSource, seed: int = 0) -> CodingNetwork:
    torch.manual_seed(seed)
    network = CodingNetwork(source.backbone, len(LABELS)).eval()
    network.label_attention.queries.data *= 30
    return network


def test_byte_level_offsets_cover_every_visible_character(source: EncoderSource) -> None:
    """Beyond ASCII, beyond the basic plane and from right to left: spans never leave out a character."""
    note = window_notes(source.tokenizer, [TEXT], 32, 999)[0]
    real = note.offsets[note.offsets[:, 0] != SPECIAL]
    covered = {place for start, end in real for place in range(start, end)}
    assert {place for place, character in enumerate(TEXT) if not character.isspace()} <= covered
    assert real.max() <= len(TEXT)


def test_padding_and_batch_mates_change_no_state(source: EncoderSource) -> None:
    """RoBERTa counts positions from its padding index: a note alone and among others is the same."""
    network = network_of(source)
    texts = [NOTE, SHORT_NOTE, "x", "\u200b"]
    notes = window_notes(source.tokenizer, texts, 16, 400)
    with torch.inference_mode():
        together = network(batch_of_ids(notes, source.tokenizer.pad_token_id))
        for row, note in enumerate(notes):
            alone = network(batch_of_ids([note], source.tokenizer.pad_token_id))
            torch.testing.assert_close(together.logits[row], alone.logits[0], atol=1e-5, rtol=0)


def test_states_equal_those_of_the_whole_backbone(source: EncoderSource) -> None:
    """The encoder in two halves is the encoder, padded windows and unpadded ones."""
    network = network_of(source)
    for texts in ([NOTE, SHORT_NOTE], [SHORT_NOTE]):
        batch = batch_of_ids(window_notes(source.tokenizer, texts, 16, 400), source.tokenizer.pad_token_id)
        with torch.inference_mode():
            ours = network.encoder(batch.input_ids, batch.window_mask)
            theirs = source.backbone(batch.input_ids, batch.window_mask.long()).last_hidden_state
        torch.testing.assert_close(ours[batch.window_mask], theirs[batch.window_mask], atol=1e-5, rtol=0)


@pytest.mark.parametrize("pad_id", [0, 1, 3])
def test_the_longest_window_fits_and_one_more_does_not(tmp_path: Path, pad_id: int) -> None:
    """Whatever the padding index is, it and what lies before it cost a position each."""
    opened = open_encoder(str(write_tiny_roberta(tmp_path / "roberta", pad_id=pad_id)))
    longest = longest_window(opened.backbone.config)
    ids = torch.full((1, longest + 1), 50)
    mask = torch.ones_like(ids, dtype=torch.bool)
    network = network_of(opened)
    network.encoder(ids[:, :-1], mask[:, :-1])
    with pytest.raises((IndexError, RuntimeError)):
        network.encoder(ids, mask)


def test_a_roberta_bundle_answers_the_same_and_evidence_is_visible(source: EncoderSource, tmp_path: Path) -> None:
    """Saved and loaded; spans slice back, and white-space tokens, some of no width, are no evidence."""
    network = network_of(source)
    contents = BundleContents(
        network, source.tokenizer, LABELS, GlobalThreshold(0.5, "dev"), "plm-ca", source.name, 32, 256, {}, ""
    )
    save_bundle(tmp_path / "bundle", contents)
    coder = load_bundle(tmp_path / "bundle")
    loaded = coder.predict([TEXT], top_k=len(LABELS))[0]
    coder.network = network
    now = coder.predict([TEXT], top_k=len(LABELS))[0]
    assert loaded.codes == now.codes
    np.testing.assert_array_equal(loaded.embedding, now.embedding)
    spans = [span for code in loaded.codes for span in code.evidence]
    assert spans
    for span in spans:
        assert TEXT[span.start : span.end] == span.text == span.text.strip() != ""
