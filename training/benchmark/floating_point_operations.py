"""Floating-point operations: those that a batch needs, and a matrix product that shows how many the machine reaches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

BACKWARD = 2
"""A matrix product has two in its backward pass. What is computed again to save memory is not counted."""
SIZES = {"cpu": 2048, "cuda": 8192}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def operations(config: Any, notes: Sequence[np.ndarray], labels: int, head: str, training: bool) -> int:
    """Multiplications and additions in matrix products, for notes given by their windows' lengths (W,).

    A token of an encoder layer takes 8 H^2 + 4 H I (four projections, two of the feed-forward part), and 4 H for each
    token of its window. A note of N tokens takes 4 N L H in label attention, and 2 N H^2 for each of its projections:
    keys, and in PLM-CA values.
    """
    size, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.concatenate(notes).astype(object)  # exact integers
    tokens = int(lengths.sum())
    encoder = layers * (tokens * (8 * size**2 + 4 * size * inner) + int((lengths**2).sum()) * 4 * size)
    projections = 2 if head == "plm-ca" else 1
    attention = tokens * (4 * labels * size + projections * 2 * size**2)
    return int((encoder + attention) * (1 + BACKWARD if training else 1))


def matrix_product(precision: str, device: str) -> tuple[Callable[[], object], int]:
    """A call that multiplies two large square matrices, and the number of its operations.

    On CUDA float32 is true float32 (torch's default), as in the encoder.
    """
    size = SIZES["cpu" if device == "cpu" else "cuda"]
    left, right = (torch.randn(size, size, device=device).to(DTYPES[precision]) for _ in range(2))
    result = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=result), 2 * size**3
