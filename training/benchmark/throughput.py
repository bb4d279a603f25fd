"""Documents and tokens a second, share of the machine's peak and memory, beside the published form in the same run.

Needs torch, transformers and numpy only (and what ``model`` imports), so that it runs on a rented GPU.
"""

import os
import platform
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn

from model.errors import InvalidOption
from model.network.batch import batch_of_ids
from model.network.encoder import longest_window
from model.network.encoder_source import TINY_SHAPE, backbone_from_config, open_encoder
from model.network.network import CodingNetwork, NetworkOutput
from training.benchmark.floating_point_operations import matrix_product, operations
from training.benchmark.measurements import added_mebibytes, alternate
from training.benchmark.options import BenchmarkOptions
from training.benchmark.published_plm_icd import NaiveNetwork, padded_notes
from training.benchmark.random_notes import RandomNote, random_notes
from training.optimise.compiler import require_compiler

NAIVE = "published form, fp32"
CODES_A_NOTE = 16
RANDOM_ENCODERS: dict[str, dict[str, Any]] = {
    "tiny": {"model_type": "bert", "vocab_size": 30522, "max_position_embeddings": 512, **TINY_SHAPE},
    "roberta-base-random": {  # Liu et al. 2019, Table 9
        "model_type": "roberta",
        "vocab_size": 50265,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "pad_token_id": 1,
    },
}

Call = Callable[[], object]


def measure_throughput(options: BenchmarkOptions) -> dict[str, Any]:
    """Run the benchmark.

    Raises:
        InvalidOption: a window longer than the encoder reads, --compile without a compiler, or more than fits the
            GPU.
        MissingInput: the encoder is not there.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    backbone = _backbone(options)
    notes = random_notes(options, backbone.config.vocab_size)
    load = os.getloadavg()[0]
    try:
        peaks, forms = _measured(options, _calls(options, backbone, notes))
    except torch.OutOfMemoryError as error:
        raise InvalidOption(
            f"{options.batch_size} notes of {options.tokens} tokens do not fit the GPU: lower --batch-size, add "
            "--gradient-checkpointing, or leave the published form out with --no-naive"
        ) from error
    lengths = [note.windowed.lengths for note in notes]
    needed = operations(backbone.config, lengths, options.labels, options.head, options.kind == "train")
    tokens = sum(len(note.ids) for note in notes)
    for name, form in forms.items():
        seconds = form["seconds"]
        form["documents_per_second"], form["tokens_per_second"] = len(notes) / seconds, tokens / seconds
        form["share_of_peak"] = needed / seconds / peaks[_precision(name)]
        form["encoded_tokens_per_token"] = _encoded(name, notes, options.window) / tokens
        form["times_published"] = forms[NAIVE]["seconds"] / seconds if options.naive else None
    return {
        "options": options.as_dict(),
        "machine": {**_machine(options), "load_before": load, "load_after": os.getloadavg()[0]},
        "tokens": tokens,
        "operations": needed,
        "matrix_product_peak": peaks,
        "forms": forms,
    }


def _measured(options: BenchmarkOptions, calls: dict[str, Call]) -> tuple[dict[str, float], dict[str, dict[str, Any]]]:
    """Operations a second of a matrix product, by precision; seconds and memory of each form."""
    products = {
        f"matrix product, {name}": matrix_product(name, options.device)
        for name in dict.fromkeys(("fp32", *options.precisions))
    }
    together = {**calls, **{name: call for name, (call, _) in products.items()}}
    seconds = alternate(together, options.repeats, options.device)
    peaks = {_precision(name): number / min(seconds[name]) for name, (_, number) in products.items()}
    forms: dict[str, dict[str, Any]] = {
        name: {
            "seconds": statistics.median(seconds[name]),
            "all_seconds": seconds[name],
            "added_mebibytes": added_mebibytes(call, options.device),
        }
        for name, call in calls.items()
    }
    return peaks, forms


def _precision(name: str) -> str:
    return name.split()[-1]


def _encoded(name: str, notes: list[RandomNote], window: int) -> int:
    """Tokens that the encoder runs on, padding and special tokens included."""
    if name == NAIVE:
        return len(notes) * window * -(-max(len(note.ids) for note in notes) // window)
    return sum(len(note.windowed.ids) for note in notes)


def _backbone(options: BenchmarkOptions) -> Any:
    if options.encoder in RANDOM_ENCODERS:
        backbone = backbone_from_config(RANDOM_ENCODERS[options.encoder])
    else:
        backbone = open_encoder(options.encoder).backbone
    longest = longest_window(backbone.config)
    if options.window > longest:
        raise InvalidOption(f"--window {options.window} is longer than the encoder reads: at most {longest}")
    return backbone


def _calls(options: BenchmarkOptions, backbone: Any, notes: list[RandomNote]) -> dict[str, Call]:
    """What is timed: a step of training or a prediction of the batch, in each form."""
    calls: dict[str, Call] = {}
    if options.naive:
        naive = NaiveNetwork(backbone, options.labels, options.head).to(options.device)
        pad_id = backbone.config.pad_token_id
        ids, mask = padded_notes([note.ids for note in notes], options.window, pad_id)
        ids, mask = ids.to(options.device), mask.to(options.device)
        calls[NAIVE] = _call(options, naive, lambda: naive(ids, mask))
    batch = batch_of_ids([note.windowed for note in notes], backbone.config.pad_token_id).to(options.device)
    network = CodingNetwork(backbone, options.labels, options.head).to(options.device)
    network.encoder.recompute = options.gradient_checkpointing
    if options.compile:
        require_compiler()
        network.encoder.fuse()
    for precision in options.precisions:

        def logits(precision: str = precision) -> Tensor:
            network.precision = network.label_attention.precision = precision
            output: NetworkOutput = network(batch)
            return output.logits

        calls[f"icd-coder, {precision}"] = _call(options, network, logits)
    return calls


def _call(options: BenchmarkOptions, network: nn.Module, logits: Callable[[], Tensor]) -> Call:
    if options.kind == "predict":
        network.eval()

        def predict() -> None:
            with torch.inference_mode():
                torch.sigmoid(logits()).cpu()

        return predict
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    targets = torch.zeros(options.batch_size, options.labels, device=options.device)
    targets[:, :CODES_A_NOTE] = 1

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss = F.binary_cross_entropy_with_logits(logits().float(), targets, reduction="sum")
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def _machine(options: BenchmarkOptions) -> dict[str, Any]:
    return {
        "device": torch.cuda.get_device_name(options.device) if options.device.startswith("cuda") else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "bf16_instructions": torch.cpu._is_avx512_bf16_supported(),
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        lines = listing.read_text(encoding="utf-8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if named:
            return f"{named[0]}, {len(named)} processors"
    return platform.processor() or platform.machine()
