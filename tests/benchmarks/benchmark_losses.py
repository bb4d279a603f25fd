"""Time and peak memory of the SD loss, forward and backward, against its slower forms, as ratios in one run.

Run: python tests/benchmarks/benchmark_losses.py [--batch 32 128 512 2048] [--labels 50 8929] [--size 128]

Labels are drawn by Zipf, 16 a row. Conversion to LabelSets is outside the clock and reported apart. Variants
alternate; medians. Memory is the peak of live tensor bytes above the inputs, counted at every operation, in units of a
float32 B x B matrix.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from model.label_sets import LabelSets
from model.losses import SimilarityDissimilarityLoss

TAU, LABELS_A_ROW = 0.07, 16


def zipf_rows(batch: int, labels: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, labels + 1)
    share /= share.sum()
    return [random.choice(labels, min(LABELS_A_ROW, labels // 2), replace=False, p=share) for _ in range(batch)]


def plain(z: Tensor, shared: Tensor, size_s: Tensor, size_t: Tensor) -> Tensor:
    """The loss by autograd, from ready intersections."""
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    weights = (shared / size_s.clamp(min=1) / (1 + size_t - shared)).masked_fill(own, 0)
    log_p = torch.log_softmax((z @ z.T / TAU).masked_fill(own, -torch.inf), dim=1).masked_fill(own, 0)
    number = (weights > 0).sum(1)
    rows = number > 0
    return (-(weights * log_p).sum(1)[rows] / number[rows]).mean()


def dense_gemm(z: Tensor, y: Tensor) -> Tensor:
    return plain(z, y @ y.T, y.sum(1, keepdim=True), y.sum(1)[None])


def cube(z: Tensor, y: Tensor) -> Tensor:
    """A B x B x L tensor."""
    return plain(z, (y[:, None] * y[None]).sum(2), y.sum(1, keepdim=True), y.sum(1)[None])


def three_gemms(z: Tensor) -> Tensor:
    """Scores, and the two products of their gradient: the floor."""
    detached = z.detach()
    scores = detached @ detached.T
    return scores @ detached + scores.T @ detached


class PeakBytes(TorchDispatchMode):
    """Live bytes of tensor storages after every operation."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, Any] = {}
        self.peak = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        import weakref

        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key = storage.data_ptr()
                if key and key not in self.live:
                    self.live[key] = storage.nbytes()
                    weakref.finalize(storage, self.live.pop, key, None)
        self.peak = max(self.peak, sum(self.live.values()))
        return result


def step(call: Callable[[], Tensor], z: Tensor) -> None:
    value = call()
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, z)
        del gradient


def measure(batch: int, labels: int, size: int, device: str, repeats: int) -> None:
    rows = zipf_rows(batch, labels, 0)
    z = F.normalize(torch.randn(batch, size), dim=1).to(device).requires_grad_(True)
    started = time.perf_counter()
    sets = LabelSets.from_rows(rows, labels).to(device)
    conversion = time.perf_counter() - started
    y = sets.to_multi_hot()
    loss = SimilarityDissimilarityLoss(TAU)
    variants: dict[str, Callable[[], Tensor]] = {
        "three bare GEMMs": lambda: three_gemms(z),
        "index lists, closed form (ours)": lambda: loss(z, fresh(sets)),
        "multi-hot, closed form (ours)": lambda: loss(z, y),
        "dense GEMM, autograd": lambda: dense_gemm(z, y),
    }
    if batch * batch * labels * 4 < 2e9:
        variants["B x B x L, autograd"] = lambda: cube(z, y)
    torch.testing.assert_close(loss(z, sets), dense_gemm(z, y), rtol=1e-4, atol=1e-6)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(repeats):
        for name, call in variants.items():
            started = time.perf_counter()
            step(call, z)
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - started)
    floor = statistics.median(seconds["three bare GEMMs"])
    dense = statistics.median(seconds["dense GEMM, autograd"])
    print(f"\nB = {batch}, L = {labels}, D = {size}, {device}; LabelSets {conversion * 1e3:.1f} ms")
    for name, call in variants.items():
        median = statistics.median(seconds[name])
        memory = peak_matrices(call, z, batch)
        ratios = f"{median / floor:6.1f} x GEMMs  {median / dense:5.2f} x dense"
        print(f"  {name:34s} {median * 1e3:9.2f} ms  {ratios}  {memory}")


def fresh(sets: LabelSets) -> LabelSets:
    """The same index lists without what was derived from them: every step sees new notes."""
    return LabelSets(sets.columns, sets.offsets, sets.num_labels)


def peak_matrices(call: Callable[[], Tensor], z: Tensor, batch: int) -> str:
    gc.collect()
    with PeakBytes() as peak:
        step(call, z)
    return f"{peak.peak / (4 * batch * batch):6.1f} B x B"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, nargs="*", default=[32, 128, 512, 2048])
    parser.add_argument("--labels", type=int, nargs="*", default=[50, 8929])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    for labels in arguments.labels:
        for batch in arguments.batch:
            measure(batch, labels, arguments.size, arguments.device, arguments.repeats)


if __name__ == "__main__":
    main()
