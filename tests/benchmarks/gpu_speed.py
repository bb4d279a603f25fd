"""Speed on one device: training, inference and the losses, each beside its plain form, and what the device can do."""

import gc
import platform
import statistics
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from benchmark_losses import DENSE, GEMMS, OURS, clock, peak_bytes, setting

from model.errors import InvalidOption
from model.network.precision import multiplies_in_bf16
from training.benchmark.options import BenchmarkOptions
from training.benchmark.throughput import NAIVE, measure_throughput

HEADS = ("plm-ca", "plm-icd")
PEAKS = {
    "NVIDIA H200": {"bf16": 989e12, "fp32": 67e12},
    "NVIDIA H100 80GB HBM3": {"bf16": 989e12, "fp32": 67e12},
    "NVIDIA A100-SXM4-80GB": {"bf16": 312e12, "fp32": 19.5e12},
}
"""Operations a second by the makers' data sheets: dense, bf16 on tensor cores, fp32 off them."""


@dataclass(frozen=True)
class Shapes:
    """What is measured, and how often."""

    encoder: str = "roberta-base-random"
    labels: int = 8921
    tokens: int = 3072
    window: int = 128
    training_notes: int = 8
    inference_notes: tuple[int, ...] = (1, 32)
    repeats: int = 7
    loss_batches: tuple[int, ...] = (512, 2048)
    loss_size: int = 768
    loss_repeats: int = 25


SMALL = Shapes("tiny", 40, 96, 32, 2, (1, 3), 2, (16, 32), 8, 2)


def machine(device: str) -> dict[str, Any]:
    """Device and versions, and the maker's peak where it is known."""
    found: dict[str, Any] = {
        "device": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        found["device"] = properties.name
        found["memory_gibibytes"] = round(properties.total_memory / 2**30, 1)
        found["capability"] = f"{properties.major}.{properties.minor}"
        found["peak_by_data_sheet"] = PEAKS.get(properties.name)
    return found


def throughput(kind: str, head: str, notes: int, shapes: Shapes, device: str) -> dict[str, Any]:
    """`icd-coder benchmark` of a batch, with half the notes as long as a GPU's memory does not hold them.

    Several notes of a prediction are of mixed length; those of training all have ``shapes.tokens``.
    """
    options = BenchmarkOptions(
        kind,
        encoder=shapes.encoder,
        head=head,
        labels=shapes.labels,
        tokens=shapes.tokens,
        mixed=kind == "predict" and notes > 1,
        batch_size=notes,
        window=shapes.window,
        precisions=("fp32", "bf16") if multiplies_in_bf16(device) else ("fp32",),
        device=device,
        repeats=shapes.repeats,
    )
    try:
        result = measure_throughput(options)
    except InvalidOption as error:
        if notes == 1 or not isinstance(error.__cause__, torch.OutOfMemoryError):
            raise
        result = None
    if result is None:  # outside of the handler, whose traceback holds what filled the memory
        free_memory()
        return throughput(kind, head, notes // 2, shapes, device)
    return _described(result, head, notes, device)


def _described(result: dict[str, Any], head: str, notes: int, device: str) -> dict[str, Any]:
    known = machine(device).get("peak_by_data_sheet") or {}
    forms = {}
    for name, form in result["forms"].items():
        kept = {key: value for key, value in form.items() if key != "all_seconds"}
        peak = known.get(name.split()[-1])
        kept["share_of_data_sheet"] = None if peak is None else result["operations"] / form["seconds"] / peak
        forms["plain published form, fp32" if name == NAIVE else name] = kept
    return {
        "head": head,
        "notes": notes,
        "tokens": result["tokens"],
        "operations": result["operations"],
        "largest_product": result["matrix_product_peak"],
        "forms": forms,
    }


def losses(batch: int, shapes: Shapes, device: str) -> dict[str, Any]:
    """SD forward and backward, 16 labels a row: median milliseconds and added memory of each form."""
    torch.manual_seed(0)
    z, variants, conversion = setting(batch, shapes.labels, shapes.loss_size, device)
    seconds = clock(variants, z, shapes.loss_repeats)
    medians = {name: statistics.median(turns) for name, turns in seconds.items()}
    return {
        "batch": batch,
        "labels": shapes.labels,
        "size": shapes.loss_size,
        "label_sets_milliseconds": conversion * 1e3,
        "index_lists_by_dense": medians[OURS] / medians[DENSE],
        "index_lists_by_products": medians[OURS] / medians[GEMMS],
        "forms": {
            name: {
                "milliseconds": medians[name] * 1e3,
                "fastest_milliseconds": min(seconds[name]) * 1e3,
                "added_mebibytes": peak_bytes(call, z) / 2**20,
            }
            for name, call in variants.items()
        },
    }


def free_memory() -> None:
    """Give back what earlier parts held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
