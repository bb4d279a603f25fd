"""The network: padding and batch mates change nothing; both heads ignore masked tokens."""

import pytest
import torch

from model.network.batch import batch_of_ids, batch_of_states
from model.network.document_embedding import DocumentEmbedding
from model.network.encoder_source import open_encoder
from model.network.label_attention import LABEL_ATTENTIONS
from model.network.network import CodingNetwork
from model.network.windows import window_notes
from tests.factories import NOTE, SHORT_NOTE, tiny_network

TOKENIZER = open_encoder("tiny").tokenizer
TEXTS = [NOTE, SHORT_NOTE, "x", NOTE * 3]


def windows(texts: list[str]):  # type: ignore[no-untyped-def]
    return window_notes(TOKENIZER, texts, 16, 400)


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_padding_and_batch_mates_change_no_prediction(head: str) -> None:
    """A note alone and among longer and shorter ones gets the same logits and embedding to 1e-5."""
    network = tiny_network(head=head)
    with torch.inference_mode():
        together = network(batch_of_ids(windows(TEXTS), TOKENIZER.pad_token_id))
        for row, text in enumerate(TEXTS):
            alone = network(batch_of_ids(windows([text]), TOKENIZER.pad_token_id))
            torch.testing.assert_close(together.logits[row], alone.logits[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(together.embeddings[row], alone.embeddings[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_masked_tokens_have_no_influence_at_all(head: str) -> None:
    """Garbage behind the mask, however large, moves no logit and gets no gradient."""
    torch.manual_seed(0)
    attention = LABEL_ATTENTIONS[head](8, 5).eval()
    states = torch.randn(2, 7, 8)
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    clean = attention(states, mask)
    dirty = states.clone()
    dirty[1, 4:] = 1e4
    dirty.requires_grad_(True)
    logits = attention(dirty, mask)
    torch.testing.assert_close(logits, clean, atol=1e-6, rtol=0)
    logits.sum().backward()
    assert dirty.grad is not None
    assert (dirty.grad[1, 4:] == 0).all()


@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
def test_label_attention_equals_its_loop_twin(head: str) -> None:
    """One note and one label at a time, by the formulas of the docstrings."""
    torch.manual_seed(1)
    attention = LABEL_ATTENTIONS[head](8, 5).eval().double()
    states = torch.randn(1, 7, 8, dtype=torch.float64)
    logits = attention(states, torch.ones(1, 7, dtype=torch.bool))[0]
    for label in range(5):
        keys = states[0] @ attention.keys.weight.T
        keys = torch.tanh(keys) if head == "plm-icd" else keys
        weights = torch.exp(keys @ attention.queries[label])
        weights = weights / weights.sum()
        if head == "plm-icd":
            expected = (weights @ states[0]) @ attention.weights[label] + attention.bias[label]
        else:
            expected = plm_ca_logit(attention, weights @ (states[0] @ attention.values.weight.T), label)
        torch.testing.assert_close(logits[label], expected)
        torch.testing.assert_close(attention.attention(states[0], torch.tensor([label]))[0], weights)


def plm_ca_logit(attention: torch.nn.Module, attended: torch.Tensor, label: int) -> torch.Tensor:
    normed = torch.nn.functional.layer_norm(attended, (8,), attention.norm.weight, attention.norm.bias)
    return normed @ (attention.output.weight[0] + attention.weights[label]) + attention.bias[label]


def test_frozen_states_give_the_same_logits_as_token_ids() -> None:
    """The cached path of training and the plain path agree, for every number of frozen layers."""
    for depth in (0, 1, 2):
        torch.manual_seed(2)
        network = CodingNetwork(open_encoder("tiny").backbone, 4, frozen_layers=depth).eval()
        notes = windows(TEXTS)
        batch = batch_of_ids(notes, TOKENIZER.pad_token_id)
        states = network.frozen_states(batch)[batch.window_mask].numpy()
        bounds = torch.cumsum(torch.tensor([0] + [len(note.ids) for note in notes]), 0)
        cut = [states[bounds[i] : bounds[i + 1]] for i in range(len(notes))]
        cached = batch_of_states(cut, [note.lengths for note in notes])
        torch.testing.assert_close(network(cached).logits, network(batch).logits, atol=1e-5, rtol=0)


def test_frozen_layers_get_no_gradient_and_the_others_do() -> None:
    """--freeze-layers 1 trains the second layer and the heads only."""
    network = CodingNetwork(open_encoder("tiny").backbone, 4, frozen_layers=1)
    network(batch_of_ids(windows([NOTE]), 0)).logits.sum().backward()
    assert network.encoder.embeddings.word_embeddings.weight.grad is None
    assert network.encoder.layers[0].attention.self.query.weight.grad is None
    assert network.encoder.layers[1].attention.self.query.weight.grad is not None


def test_embeddings_are_unit_rows_and_start_as_the_mean_of_the_states() -> None:
    """An untrained document embedding is the encoder's own mean embedding."""
    states, mask = torch.randn(2, 5, 8), torch.tensor([[True] * 5, [True, True, False, False, False]])
    rows = DocumentEmbedding(8)(states, mask)
    means = torch.stack([states[0].mean(0), states[1, :2].mean(0)])
    torch.testing.assert_close(rows, torch.nn.functional.normalize(means, dim=1))


def test_an_encoder_of_another_family_is_refused(tmp_path: object) -> None:
    """DistilBERT has other parts: the message names it."""
    import transformers

    from model.errors import InvalidOption
    from model.network.encoder import WindowEncoder

    config = transformers.DistilBertConfig(vocab_size=50, dim=8, n_layers=1, n_heads=1, hidden_dim=8)
    with pytest.raises(InvalidOption, match="distilbert"):
        WindowEncoder(transformers.AutoModel.from_config(config))
