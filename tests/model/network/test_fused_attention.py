"""Attention without its matrix: exact forward and backward, in every block size and precision."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from model.network import fused_attention as module
from model.network.fused_attention import fused_attention


def plain(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return torch.softmax(queries @ keys.T, dim=1) @ values


def inputs(labels: int = 150, tokens: int = 9, size: int = 8, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(rows, size).to(dtype).requires_grad_(True) for rows in (labels, tokens, tokens)]


@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize("budget", [1, 10**9])
def test_values_and_gradients_equal_the_plain_form(kernel: bool, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block or three, torch's kernel or products of our own: the same to float64's precision."""
    monkeypatch.setattr(module, "BLOCK_BYTES", {"cpu": budget})
    monkeypatch.setattr(module, "_has_kernel", lambda keys: kernel)
    given = inputs()
    weights = torch.randn(150, 8, dtype=torch.float64)
    results = []
    for form in (fused_attention, plain):
        value = form(*given)
        results.append([value, *torch.autograd.grad((value * weights).sum(), given)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-10)


def test_gradcheck() -> None:
    """The derivatives are those of finite differences."""
    assert torch.autograd.gradcheck(fused_attention, inputs(labels=5, tokens=4, size=3))


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_each_gradient_alone(wanted: tuple[bool, bool, bool]) -> None:
    """Inputs that are frozen cost nothing and change nothing."""
    given = [part.requires_grad_(flag) for part, flag in zip(inputs(), wanted, strict=True)]
    chosen = given[wanted.index(True)]
    (ours,) = torch.autograd.grad(fused_attention(*given).square().sum(), chosen)
    (theirs,) = torch.autograd.grad(plain(*given).square().sum(), chosen)
    torch.testing.assert_close(ours, theirs)


def test_bf16_products_with_float32_sums() -> None:
    """Keys and values in bf16: as near to the exact result as bf16 allows, gradients of float32 queries in float32."""
    queries, keys, values = inputs(labels=700, tokens=40, size=16, dtype=torch.float32)
    halves = [keys.detach().bfloat16().requires_grad_(True), values.detach().bfloat16().requires_grad_(True)]
    outer = torch.randn(700, 16)
    ours = fused_attention(queries, *halves)
    assert ours.dtype == torch.float32
    exact = plain(queries, *(half.float() for half in halves))
    assert (ours - exact).abs().max() < 0.05 * exact.abs().max()
    gradients = torch.autograd.grad((ours * outer).sum(), [queries, *halves])
    expected = torch.autograd.grad((exact * outer).sum(), [queries, *halves])
    assert [part.dtype for part in gradients] == [torch.float32, torch.bfloat16, torch.bfloat16]
    for ours_part, part in zip(gradients, expected, strict=True):
        assert (ours_part.float() - part.float()).norm() < 0.02 * part.float().norm()


def test_float16_cannot_overflow() -> None:
    """Scores beyond 65,504, float16's largest number, still make weights."""
    queries = torch.full((2, 64), 50.0, dtype=torch.float16)
    keys = torch.stack([torch.full((64,), 50.0), torch.zeros(64)]).to(torch.float16)
    values = torch.eye(2, 64, dtype=torch.float16)
    torch.testing.assert_close(fused_attention(queries, keys, values)[:, :2], torch.tensor([[1.0, 0.0]] * 2).half())


class Largest(TorchDispatchMode):
    """The most elements of any tensor that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nothing_of_size_labels_by_tokens_exists(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, with many more labels and tokens than hidden units."""
    monkeypatch.setattr(module, "BLOCK_BYTES", {"cpu": 100 * 500 * 4})
    queries, keys, values = inputs(labels=1000, tokens=500, size=4, dtype=torch.float32)
    halves = [part.detach().to(dtype).requires_grad_(True) for part in (keys, values)]
    with Largest() as largest:
        fused_attention(queries, *halves).sum().backward()
    assert largest.elements <= 100 * 500


def test_no_tokens_are_refused() -> None:
    """A softmax over nothing has no value."""
    with pytest.raises(ValueError, match="without tokens"):
        fused_attention(torch.zeros(2, 3), torch.zeros(0, 3), torch.zeros(0, 3))
