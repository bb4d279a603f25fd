"""The encoder on real tokens only: states, gradients, recomputation and compilation, against the backbone."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from model.network.encoder import WindowEncoder
from model.network.encoder_source import open_encoder
from model.network.ragged_windows import ragged_windows

LENGTHS = (5, 12, 2, 12, 9)
IDS = torch.randint(1000, 2000, (len(LENGTHS), 12), generator=torch.Generator().manual_seed(0))
MASK = torch.arange(12)[None] < torch.tensor(LENGTHS)[:, None]


def tiny(**settings: float) -> tuple[torch.nn.Module, WindowEncoder]:
    torch.manual_seed(0)
    backbone = open_encoder("tiny").backbone
    return backbone, WindowEncoder(backbone)


def test_gradients_equal_those_of_the_padded_backbone() -> None:
    """In float64, for every weight of the encoder."""
    backbone, encoder = tiny()
    backbone.double().eval()
    outer = torch.randn(*MASK.shape, 32, dtype=torch.float64) * MASK[..., None]
    parameters = list(backbone.parameters())
    ours = torch.autograd.grad((encoder(IDS, MASK) * outer).sum(), parameters)
    padded = backbone(IDS, MASK.long()).last_hidden_state
    for one, other in zip(ours, torch.autograd.grad((padded * outer).sum(), parameters), strict=True):
        torch.testing.assert_close(one, other)


def test_attention_gets_no_mask_and_no_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA's flash kernel asks for; and the products are done for real tokens only."""
    seen: list[tuple[int, ...]] = []

    def watched(query: Tensor, key: Tensor, value: Tensor, **settings: float) -> Tensor:
        assert settings.keys() == {"dropout_p", "scale"}
        seen.append(tuple(query.shape))
        return original(query, key, value, **settings)

    original = F.scaled_dot_product_attention
    _, encoder = tiny()
    monkeypatch.setattr(F, "scaled_dot_product_attention", watched)
    encoder.eval()(IDS, MASK)
    assert seen == [(1, 2, 2, 16), (1, 2, 5, 16), (1, 2, 9, 16), (2, 2, 12, 16)] * encoder.num_layers


def test_recomputation_changes_neither_states_nor_gradients() -> None:
    """With dropout on: the backward pass draws what the forward pass drew."""
    _, encoder = tiny()
    encoder.train()
    results = []
    for encoder.recompute in (False, True):
        torch.manual_seed(1)
        states = encoder(IDS, MASK)
        torch.manual_seed(2)
        results.append([states, *torch.autograd.grad(states.square().sum(), list(encoder.parameters()))])
    for plain, recomputed in zip(*results, strict=True):
        torch.testing.assert_close(recomputed, plain, atol=0, rtol=0)


def test_recomputation_keeps_the_states_between_layers_only() -> None:
    """Bytes saved for the backward pass fall to those of the layers' inputs and the embeddings' own."""
    kept = []
    _, encoder = tiny()
    windows = ragged_windows(MASK)
    for encoder.recompute in (False, True):
        states = torch.randn(len(windows.index), 32, requires_grad=True)
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda part, sizes=sizes: sizes.append(part.numel()) or part, id):  # type: ignore[misc, func-returns-value]
            encoder.run(states, windows, 0, encoder.num_layers)
        kept.append(sum(sizes))
    assert kept[1] <= encoder.num_layers * len(windows.index) * 32 < kept[0]


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch hides it, but not from warnings that are errors
def test_compilation_changes_nothing_and_serves_every_layer_and_length(fresh_compiler: None) -> None:
    """One graph; with the real backend it would be the same one, compiled."""
    from torch._dynamo.testing import CompileCounter

    _, encoder = tiny()
    encoder.eval()
    plain = [encoder(IDS[rows], MASK[rows]) for rows in (slice(0, 5), slice(1, 4))]
    counter = CompileCounter()
    encoder.fuse(backend=counter)  # type: ignore[arg-type]
    fused = [encoder(IDS[rows], MASK[rows]) for rows in (slice(0, 5), slice(1, 4))]
    for ours, theirs in zip(fused, plain, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert counter.frame_count == 1
