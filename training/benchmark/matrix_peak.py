"""The speed of one large matrix product: what the machine can do at most."""

from collections.abc import Callable

import torch

SIZES = {"cpu": 2048, "cuda": 8192}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def matrix_product(precision: str, device: str) -> tuple[Callable[[], object], int]:
    """A square product, and its operations.

    On CUDA float32 is true float32 (torch's default), which the encoder computes in too.
    """
    size = SIZES["cpu" if device == "cpu" else "cuda"]
    left, right = (torch.randn(size, size, device=device).to(DTYPES[precision]) for _ in range(2))
    result = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=result), 2 * size**3
