"""Label attention without its matrix against the plain form: time and added memory, forward and in training.

Run: python tests/benchmarks/benchmark_label_attention.py [--tokens 3072 6144] [--labels 8929] [--threads 2]

Forms alternate in one process; medians and, since other work on a machine only ever adds time, the best run too. The
plain form is that of the tests (tests/plain_label_attention.py). Memory is the growth of the resident set to its peak
(Linux), measured in the same process after the timed runs.
"""

import argparse
import ctypes
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from model.network.label_attention import LABEL_ATTENTIONS, LabelAttention
from tests.plain_label_attention import plain_logits


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def added(call: Callable[[], object]) -> float:
    """MiB that a call adds to the resident set at its peak."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def forward(form: Callable[[Tensor, Tensor], Tensor], states: Tensor, mask: Tensor) -> None:
    with torch.inference_mode():
        form(states, mask)


def training(head: LabelAttention, form: Callable[[Tensor, Tensor], Tensor], states: Tensor, mask: Tensor) -> None:
    given = states.clone().requires_grad_(True)
    torch.autograd.grad(form(given, mask).sum(), [given, *head.parameters()])


def compare(name: str, tokens: int, labels: int, size: int, repeats: int) -> None:
    torch.manual_seed(0)
    heads = {precision: LABEL_ATTENTIONS[name](size, labels, precision=precision) for precision in ("fp32", "bf16")}
    heads["bf16"].load_state_dict(heads["fp32"].state_dict())
    states, mask = torch.randn(1, tokens, size), torch.ones(1, tokens, dtype=torch.bool)
    exact = heads["fp32"]
    forms: dict[str, tuple[LabelAttention, Callable[[Tensor, Tensor], Tensor]]] = {
        "plain, fp32": (exact, lambda *given: plain_logits(exact, *given)),
        "blocks, fp32": (exact, exact),
        "blocks, bf16": (heads["bf16"], heads["bf16"]),
    }
    print(f"\n{name}, {tokens} tokens, {labels} labels, H = {size}")
    for kind in ("forward", "training"):
        calls: dict[str, Callable[[], None]] = {}
        for form, (head, function) in forms.items():
            head.train(kind == "training")
            calls[form] = (
                (lambda f=function: forward(f, states, mask))
                if kind == "forward"
                else (lambda h=head, f=function: training(h, f, states, mask))
            )
        report(kind, calls, repeats)


def report(kind: str, calls: dict[str, Callable[[], None]], repeats: int) -> None:
    seconds: dict[str, list[float]] = {form: [] for form in calls}
    for form in calls:
        calls[form]()
    for _ in range(repeats):
        for form, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[form].append(time.perf_counter() - started)
    plain = seconds["plain, fp32"]
    for form, call in calls.items():
        middle, best = statistics.median(seconds[form]), min(seconds[form])
        ratios = f"{statistics.median(plain) / middle:5.2f} x plain (best runs {min(plain) / best:5.2f})"
        print(f"  {kind:9s} {form:13s} {middle * 1e3:8.0f} ms  {ratios}  +{added(call):5.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--heads", nargs="*", default=["plm-icd", "plm-ca"])
    parser.add_argument("--tokens", type=int, nargs="*", default=[3072, 6144])
    parser.add_argument("--labels", type=int, default=8929)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for name in arguments.heads:
        for tokens in arguments.tokens:
            compare(name, tokens, arguments.labels, arguments.size, arguments.repeats)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
