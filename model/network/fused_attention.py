"""Softmax attention of many label queries over the tokens of one note, without keeping its weights.

A note of 6,144 tokens and 8,929 labels has 55 million weights, 209 MiB in float32, and autograd would keep several
tensors of that size a note. Here they exist one block of labels at a time, forward and backward: the backward pass
computes them again (T. Dao et al. 2022, Sec. 3.1, blocked by queries only, since keys of size H = 768 fit no kernel's
fast memory).
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_BYTES = {"cpu": 6 * 2**20, "cuda": 256 * 2**20}
"""Size of a block of float32 weights: on a CPU about what its caches hold, on a GPU enough work for one launch. The
first is 256 labels at 6,144 tokens; up to 1,024 are as fast and need more memory. The second is untuned."""


def fused_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Softmax(Q K^T) V, the softmax in float32 at least, whatever the inputs' precision.

    Differentiable once, in all three. Products are computed in the precision of the keys; sums over labels and
    the result are in the queries' precision.

    Shape:
        queries (L, H), keys (N, H), values (N, V) of the keys' dtype, N at least 1; returns (L, V) of the queries'
        dtype.
    """
    if len(keys) == 0:
        raise ValueError("a note without tokens has nothing to attend to")
    attended: Tensor = _FusedAttention.apply(queries, keys, values)  # type: ignore[no-untyped-call]
    return attended


class _FusedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        attended = _in_one_kernel(queries, keys, values) if _has_kernel(keys) else _in_blocks(queries, keys, values)
        ctx.save_for_backward(queries, keys, values, attended)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, attended = ctx.saved_tensors
        for_queries = torch.empty_like(queries) if ctx.needs_input_grad[0] else None
        for_keys = _sum_like(keys, queries) if ctx.needs_input_grad[1] else None
        for_values = _sum_like(values, queries) if ctx.needs_input_grad[2] else None
        for rows in _blocks(queries, keys):
            block = queries[rows].to(keys.dtype)
            weights = _weights(block, keys)  # (C, N)
            outer = gradient[rows].to(keys.dtype)
            if for_values is not None:
                for_values += weights.to(keys.dtype).T @ outer
            if for_queries is None and for_keys is None:
                continue
            # Weights times their gradients, summed over tokens, from what the weights made: one pass less.
            delta = (outer.to(attended.dtype) * attended[rows]).sum(dim=1, keepdim=True)  # (C, 1)
            scores = (outer @ values.T).to(weights.dtype).sub_(delta).mul_(weights).to(keys.dtype)
            if for_queries is not None:
                for_queries[rows] = scores @ keys
            if for_keys is not None:
                for_keys += scores.T @ block
        return for_queries, _as(for_keys, keys), _as(for_values, values)


def _has_kernel(keys: Tensor) -> bool:
    """Whether torch has one kernel that is as good: on a CPU in float32 (98% of the matrix-product peak). In bf16 it
    is no faster than in float32, and CUDA has none for heads of this size."""
    return keys.device.type == "cpu" and keys.dtype in (torch.float32, torch.float64)


def _in_one_kernel(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    block = queries.to(keys.dtype)
    attended = F.scaled_dot_product_attention(block[None, None], keys[None, None], values[None, None], scale=1.0)
    return attended[0, 0].to(queries.dtype)


def _in_blocks(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    attended = queries.new_empty(len(queries), values.shape[1])
    for rows in _blocks(queries, keys):
        attended[rows] = _weights(queries[rows].to(keys.dtype), keys).to(values.dtype) @ values
    return attended


def _weights(block: Tensor, keys: Tensor) -> Tensor:
    if keys.dtype == torch.float16:  # a product can exceed its largest number, 65,504
        block, keys = block.float(), keys.float()
    scores = block @ keys.T
    return torch.softmax(scores, dim=1, dtype=torch.promote_types(scores.dtype, torch.float32))


def _blocks(queries: Tensor, keys: Tensor) -> Iterator[slice]:
    budget = BLOCK_BYTES["cpu" if keys.device.type == "cpu" else "cuda"]
    size = max(64, budget // (4 * len(keys)))
    for first in range(0, len(queries), size):
        yield slice(first, first + size)


def _sum_like(part: Tensor, queries: Tensor) -> Tensor:
    """Zeros to add to, block after block: in the queries' precision, since bf16 would lose the last blocks."""
    return torch.zeros_like(part, dtype=queries.dtype)


def _as(gradient: Tensor | None, part: Tensor) -> Tensor | None:
    return None if gradient is None else gradient.to(part.dtype)
