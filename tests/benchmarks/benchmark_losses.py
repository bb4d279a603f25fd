"""Time and peak memory of the SD loss, forward and backward, against its slower forms, as ratios in one run.

Run: python tests/benchmarks/benchmark_losses.py [--batch 32 128 512 2048] [--labels 50 8929] [--size 128]

On the CPU, and on a GPU where there is one. Labels are drawn by Zipf, 16 a row. Conversion to LabelSets is outside the
clock and reported apart. Variants alternate; medians, and beside them the fastest turn, which other work on the machine
disturbs least. Memory is the peak above the inputs in units of a float32 B x B matrix: on the CPU by the profiler's
allocation events, on a GPU what the allocator held.

On a machine with other work, OMP_WAIT_POLICY=passive keeps waiting threads from spinning against it.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from model.label_sets import LabelSets
from model.losses import SimilarityDissimilarityLoss

TAU, LABELS_A_ROW = 0.07, 16
GEMMS, OURS, DENSE = "three bare GEMMs", "index lists, closed form (ours)", "dense GEMM, autograd"
CUBE_BYTES = 2e9
"""Largest B x B x L tensor that is tried."""


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


def step(call: Callable[[], Tensor], z: Tensor) -> None:
    value = call()
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value, z)
        del gradient


def setting(batch: int, labels: int, size: int, device: str) -> tuple[Tensor, dict[str, Callable[[], Tensor]], float]:
    """Unit rows (B, D) that want a gradient, the forms of the loss by name, and the seconds of making LabelSets."""
    rows = zipf_rows(batch, labels, 0)
    z = F.normalize(torch.randn(batch, size), dim=1).to(device).requires_grad_(True)
    started = time.perf_counter()
    sets = LabelSets.from_rows(rows, labels).to(device)
    conversion = time.perf_counter() - started
    y = sets.to_multi_hot()
    loss = SimilarityDissimilarityLoss(TAU, normalization="positives")
    variants: dict[str, Callable[[], Tensor]] = {
        GEMMS: lambda: three_gemms(z),
        OURS: lambda: loss(z, fresh(sets)),
        "multi-hot, closed form (ours)": lambda: loss(z, y),
        DENSE: lambda: dense_gemm(z, y),
    }
    if cube_bytes(batch, labels) < CUBE_BYTES:
        variants["B x B x L, autograd"] = lambda: cube(z, y)
    torch.testing.assert_close(loss(z, sets), dense_gemm(z, y), rtol=1e-4, atol=1e-6)
    return z, variants, conversion


def measure(batch: int, labels: int, size: int, device: str, repeats: int) -> None:
    z, variants, conversion = setting(batch, labels, size, device)
    seconds = clock(variants, z, repeats)
    print(f"\nB = {batch}, L = {labels}, D = {size}, {device}; LabelSets {conversion * 1e3:.1f} ms")
    floor, dense = seconds[GEMMS], seconds[DENSE]
    for name, call in variants.items():
        mine = seconds[name]
        medians = f"{quotient(mine, floor):6.1f} x GEMMs  {quotient(mine, dense):5.2f} x dense"
        fastest = f"fastest {min(mine) / min(floor):6.1f} x GEMMs  {min(mine) / min(dense):5.2f} x dense"
        matrices = peak_bytes(call, z) / (4 * batch * batch)
        print(f"  {name:32s} {statistics.median(mine) * 1e3:9.2f} ms {medians}; {fastest}; {matrices:6.1f} B x B")
    if "B x B x L, autograd" not in variants:
        size_of_one = cube_bytes(batch, labels) / 2**30
        print(f"  B x B x L, autograd              not tried: one such tensor has {size_of_one:.1f} GiB")


def cube_bytes(batch: int, labels: int) -> int:
    """Bytes of one float32 B x B x L tensor."""
    return 4 * batch * batch * labels


def clock(variants: dict[str, Callable[[], Tensor]], z: Tensor, repeats: int) -> dict[str, list[float]]:
    """Seconds of every turn; the first turn of each is a warm-up and not kept."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(repeats + 1):
        for name, call in variants.items():
            started = time.perf_counter()
            step(call, z)
            if z.is_cuda:
                torch.cuda.synchronize()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def quotient(mine: list[float], other: list[float]) -> float:
    return statistics.median(mine) / statistics.median(other)


def fresh(sets: LabelSets) -> LabelSets:
    """The same index lists without what was derived from them: every step sees new notes."""
    return LabelSets(sets.columns, sets.offsets, sets.num_labels)


def peak_bytes(call: Callable[[], Tensor], z: Tensor) -> int:
    """Of one forward and backward, above what was there before."""
    gc.collect()
    if z.is_cuda:
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step(call, z)
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step(call, z)
    assert profiler.profiler is not None
    live = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()  # negative where memory was given back
            peak = max(peak, live)
    return peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, nargs="*", default=[32, 128, 512, 2048])
    parser.add_argument("--labels", type=int, nargs="*", default=[50, 8929])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=15)
    there = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    parser.add_argument("--device", nargs="*", default=there)
    arguments = parser.parse_args()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{torch.get_num_threads()} threads, load {load}, torch {torch.__version__}")
    for device in arguments.device:
        for labels in arguments.labels:
            for batch in arguments.batch:
                measure(batch, labels, arguments.size, device, arguments.repeats)


if __name__ == "__main__":
    main()
