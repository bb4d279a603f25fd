"""Both heads against their plain forms, at ragged lengths, and what a bundle relies on."""

import pytest
import torch

from model.network import label_attention as module
from model.network.label_attention import LABEL_ATTENTIONS, LabelAttention
from tests.plain_label_attention import plain_logits, plain_scores

HEADS = ["plm-ca", "plm-icd"]
LENGTHS = (7, 1, 12, 3)


def head_of(name: str, labels: int = 40, dropout: float = 0.1, precision: str = "fp32") -> LabelAttention:
    torch.manual_seed(0)
    head = LABEL_ATTENTIONS[name](16, labels, dropout, precision)
    head.queries.data *= 20
    head.weights.data.normal_()
    head.bias.data.normal_()
    return head


def notes(lengths: tuple[int, ...] = LENGTHS) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), max(lengths), 16), mask


@pytest.mark.parametrize("lengths", [LENGTHS, (5, 5), (1,)])
@pytest.mark.parametrize(("dtype", "block", "close"), [("float32", 1024, 1e-5), ("float64", 7, 1e-12)])
@pytest.mark.parametrize("name", HEADS)
def test_logits_and_all_gradients_equal_the_plain_form(
    name: str, dtype: str, block: int, close: float, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To 1e-5 of the largest entry in float32, in the states and in every parameter."""
    monkeypatch.setattr(module, "LABELS_AT_ONCE", {"cpu": block})
    head = head_of(name).eval().to(getattr(torch, dtype))
    states, mask = notes(lengths)
    states = states.to(getattr(torch, dtype))
    outer = torch.randn(len(lengths), 40, dtype=states.dtype)
    results = []
    for form in (head, lambda *given: plain_logits(head, *given)):
        inputs = [states.clone().requires_grad_(True), *head.parameters()]
        logits = form(inputs[0], mask)
        results.append([logits, *torch.autograd.grad((logits * outer).sum(), inputs)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=close * max(1.0, theirs.abs().max().item()), rtol=0)


@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("name", HEADS)
def test_logits_without_a_graph_are_those_with_one(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inference, which attends by blocks of labels, and training."""
    monkeypatch.setattr(module, "LABELS_AT_ONCE", {"cpu": block})
    head = head_of(name).eval().double()
    states, mask = notes()
    with torch.inference_mode():
        alone = head(states.double(), mask)
    torch.testing.assert_close(head(states.double(), mask), alone)


@pytest.mark.parametrize("name", HEADS)
def test_dropout_acts_on_what_was_attended_and_is_replayed_in_the_backward_pass(name: str) -> None:
    """Note after note with the same draws, the plain form has the same logits and gradients."""
    head = head_of(name, dropout=0.4).train()
    states, mask = notes()
    results = []
    for form in (head, lambda *given: _note_after_note(head, *given)):
        torch.manual_seed(2)
        logits = form(states, mask)
        torch.manual_seed(3)  # a backward pass that drew again would differ
        results.append([logits, *torch.autograd.grad(logits.square().sum(), list(head.parameters()))])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5 * max(1.0, theirs.abs().max().item()), rtol=0)
    torch.manual_seed(4)
    assert not torch.equal(head(states, mask), results[0][0])


def _note_after_note(head: LabelAttention, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    keys, values = head._keys_and_values(states)
    rows = []
    for row, length in enumerate(mask.sum(dim=1).tolist()):
        weights = torch.softmax(head.queries @ keys[row, :length].T, dim=1)
        rows.append(plain_scores(head, weights @ values[row, :length]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", HEADS)
def test_a_mask_with_holes(name: str) -> None:
    """Real tokens need not come first."""
    head = head_of(name).eval()
    states, mask = notes()
    mask[0, 2] = False
    torch.testing.assert_close(head(states, mask), plain_logits(head, states, mask), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_bf16_stays_near_float32(name: str) -> None:
    """Logits and gradients to bf16's precision, all of them float32 outside."""
    states, mask = notes()
    results = []
    for precision in ("fp32", "bf16"):
        head = head_of(name, precision=precision).eval()
        given = states.clone().requires_grad_(True)
        logits = head(given, mask)
        results.append([logits, *torch.autograd.grad(logits.sum(), [given, *head.parameters()])])
    for exact, rounded in zip(*results, strict=True):
        assert rounded.dtype == torch.float32
        assert (rounded - exact).norm() < 0.03 * exact.norm() + 1e-3


@pytest.mark.parametrize("name", HEADS)
def test_states_without_gradient_still_train_the_head(name: str) -> None:
    """A frozen encoder: no gradient for the states, the same one for the parameters."""
    head = head_of(name).eval().double()
    states, mask = notes()
    states = states.double()
    ours = torch.autograd.grad(head(states, mask).sum(), list(head.parameters()))
    theirs = torch.autograd.grad(plain_logits(head, states, mask).sum(), list(head.parameters()))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_note_without_tokens_is_named() -> None:
    """Its place in the batch, so that the caller finds it."""
    states, mask = notes()
    mask[2] = False
    with pytest.raises(ValueError, match="note 2"):
        head_of("plm-ca")(states, mask)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("plm-ca", "bias keys.weight norm.bias norm.weight output.weight queries values.weight weights"),
        ("plm-icd", "bias keys.weight queries weights"),
    ],
)
def test_bundles_keep_their_names(name: str, parameters: str) -> None:
    """The names in model.safetensors: another one would make every written bundle unreadable."""
    assert sorted(head_of(name).state_dict()) == parameters.split()


@pytest.mark.parametrize("name", HEADS)
def test_evidence_weights_are_those_of_the_logits(name: str) -> None:
    """The rows of ``attention`` times the values, scored by the plain form, are the logits."""
    head = head_of(name).eval()
    states, mask = notes((6,))
    weights = head.attention(states[0], torch.arange(40))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(40))
    values = head._keys_and_values(states[0])[1]
    torch.testing.assert_close(plain_scores(head, weights @ values), head(states, mask)[0], atol=1e-5, rtol=1e-5)
