"""AttInGrad, against plain autograd through the whole network."""

import numpy as np
import pytest
import torch
from torch import Tensor

from model.evidence import attingrad as module
from model.evidence.attingrad import attingrad
from model.network.batch import NoteBatch, batch_of_ids
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.network.windows import window_notes
from tests.factories import LABELS, NOTE, SHORT_NOTE, tiny_network

COLUMNS = torch.tensor([4, 0, 2])


def batch_of(text: str) -> NoteBatch:
    """In windows of at most 16 tokens."""
    tokenizer = open_encoder("tiny").tokenizer
    return batch_of_ids(window_notes(tokenizer, [text], 16, 256), tokenizer.pad_token_id)


def found(network: CodingNetwork, batch: NoteBatch, columns: Tensor = COLUMNS) -> Tensor:
    with torch.inference_mode():
        states = network.token_states(batch)[0]
    return attingrad(network, batch, states, columns)


def twin(network: CodingNetwork, batch: NoteBatch) -> Tensor:
    """One backward pass from each logit of the network to what the module of embeddings gives."""
    kept: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    handle = network.encoder.embeddings.register_forward_hook(keep)
    rows = []
    for column in COLUMNS.tolist():
        output = network(batch)
        output.logits[0, column].backward()
        inputs = kept.pop()  # (W, T, H)
        assert inputs.grad is not None
        norms = (inputs.grad * inputs.detach()).norm(dim=2).reshape(-1)[batch.token_index[0]]
        states = network.token_states(batch)[0]
        kept.pop()
        row = network.label_attention.attention(states, torch.tensor([column]))[0].detach() * norms
        rows.append(row / row.sum())
    handle.remove()
    return torch.stack(rows)


@pytest.mark.parametrize("frozen", [-1, 2], ids=["trained", "frozen"])
@pytest.mark.parametrize("head", ["plm-ca", "plm-icd"])
@pytest.mark.parametrize("text", [NOTE, SHORT_NOTE], ids=["windows of two lengths", "one window"])
def test_it_is_attention_times_the_norm_of_input_times_gradient(text: str, head: str, frozen: int) -> None:
    """Of both heads, over several windows, whether the encoder was frozen in training or not."""
    network = tiny_network(head=head, scale=3.0)
    if frozen >= 0:
        for part in (network.encoder.embeddings, *network.encoder.layers[:frozen]):
            part.requires_grad_(False)
    batch = batch_of(text)
    torch.testing.assert_close(found(network, batch), twin(network, batch), rtol=1e-4, atol=1e-7)


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One code at a time and one window at a time: the memory of a long note is bounded."""
    network, batch = tiny_network(scale=3.0), batch_of(NOTE)
    whole = found(network, batch)
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", 1)
    monkeypatch.setattr(module, "GRADIENT_BYTES", 1)
    torch.testing.assert_close(found(network, batch), whole, rtol=1e-5, atol=1e-8)


def test_rows_are_shares_and_the_network_keeps_no_gradient() -> None:
    """In the middle of inference mode, for no code at all, and in bfloat16 too."""
    network, batch = tiny_network(scale=3.0), batch_of(NOTE)
    with torch.inference_mode():
        weights = found(network, batch)
    np.testing.assert_allclose(weights.sum(dim=1).numpy(), 1, rtol=1e-5)
    assert weights.min() >= 0
    assert all(parameter.grad is None for parameter in network.parameters())
    assert found(network, batch, torch.zeros(0, dtype=torch.int64)).shape == (0, weights.shape[1])
    rough = found(tiny_network("bf16", scale=3.0), batch)
    assert torch.cosine_similarity(rough, weights).min() > 0.99


def test_a_code_that_leans_on_nothing_has_no_weight() -> None:
    """A logit without a gradient gives zeros, not NaN."""
    network = tiny_network()
    with torch.no_grad():
        network.label_attention.output.weight.zero_()
        network.label_attention.weights.zero_()
    assert found(network, batch_of(SHORT_NOTE)).abs().max() == 0


def test_two_notes_are_refused() -> None:
    """Attention is of one note."""
    tokenizer = open_encoder("tiny").tokenizer
    batch = batch_of_ids(window_notes(tokenizer, [NOTE, SHORT_NOTE], 16, 256), tokenizer.pad_token_id)
    with pytest.raises(ValueError, match="one note"):
        attingrad(tiny_network(), batch, torch.zeros(1, 32), torch.tensor([0]))


def test_chosen_logits_are_those_of_the_network() -> None:
    """Of some columns, in their order."""
    network, batch = tiny_network(), batch_of(NOTE)
    with torch.no_grad():
        states = network.token_states(batch)[0]
        chosen = network.label_attention.chosen_logits(states, COLUMNS)
        assert network(batch).logits.shape == (1, len(LABELS))
        torch.testing.assert_close(chosen, network(batch).logits[0, COLUMNS], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("passes", [0, 1, 2, 5, 9, 100])
def test_it_ends_between_two_codes(monkeypatch: pytest.MonkeyPatch, passes: int) -> None:
    """No backward pass of the encoder after the end, and the codes that have a row have the row of the whole work."""
    monkeypatch.setattr(module, "CODES_AT_ONCE", 1)
    network, batch = tiny_network(), batch_of(NOTE)
    with torch.inference_mode():
        states = network.token_states(batch)[0]
    whole = attingrad(network, batch, states, COLUMNS)
    left = passes

    def may_go_on() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    part = attingrad(network, batch, states, COLUMNS, may_go_on)
    assert len(part) <= passes
    assert len(part) == len(COLUMNS) or left == -1
    torch.testing.assert_close(part, whole[: len(part)])
