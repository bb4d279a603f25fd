"""Seconds a note in fp32, bf16 and int8, as ratios to the plain fp32 PLM-ICD form in the same run.

Run ``python tests/benchmarks/benchmark_precision.py [--threads 2] [--turns 7] [--tokens 3072] [--labels 8929]
[--head plm-icd]``; it needs the extra ``openvino``. RoBERTa-base's shape with random weights and one note of made-up
words. The bundles are real ones, exported by ``icd-coder export``'s function, and their time includes the tokenizer;
the plain form gets ready windows. Variants alternate, medians; processor time beside wall time, since that of one
thread hardly depends on what else runs.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
import transformers
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from model.bundle import BundleContents, load_bundle, save_bundle
from model.labels import Label, LabelSpace
from model.network.encoder_source import open_encoder
from model.network.network import CodingNetwork
from model.ranking.thresholds import GlobalThreshold
from training.export import calibration
from training.export.openvino_bundle import export_openvino

WINDOW = 128


class PlainPlmIcd(nn.Module):
    """PLM-ICD as published (Huang et al. 2022): full windows, eager attention, and LAAT with its matrix kept."""

    def __init__(self, backbone: nn.Module, hidden: int, labels: int) -> None:
        super().__init__()
        self.roberta = backbone
        self.first_linear = nn.Linear(hidden, hidden, bias=False)
        self.second_linear = nn.Linear(hidden, labels, bias=False)
        self.third_linear = nn.Linear(hidden, labels)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(W, T) ids and mask to (1, L) logits."""
        states = self.roberta(input_ids, attention_mask=attention_mask)[0]
        hidden = states.reshape(1, -1, states.shape[-1])  # (1, N, H)
        weights = self.second_linear(torch.tanh(self.first_linear(hidden)))
        weights = torch.softmax(weights, dim=1).transpose(1, 2)  # (1, L, N)
        attended = weights @ hidden
        return self.third_linear.weight.mul(attended).sum(dim=2).add(self.third_linear.bias)


def shape(vocabulary: int, attention: str) -> transformers.PreTrainedModel:
    """RoBERTa-base with random weights; padding is that of the MiniLM tokenizer, whose words the note uses."""
    config = transformers.RobertaConfig(
        vocab_size=max(vocabulary, 50_265), max_position_embeddings=514, type_vocab_size=1, pad_token_id=0
    )
    config._attn_implementation = attention
    return transformers.AutoModel.from_config(config, add_pooling_layer=False)


def made_up_note(tokenizer: transformers.PreTrainedTokenizerFast, tokens: int) -> str:
    """Random whole words of the tokenizer, one token each."""
    words = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha() and len(word) > 3)
    return " ".join(np.random.default_rng(0).choice(words, tokens))


def write_bundle(path: Path, labels: int, head: str, tokens: int) -> None:
    tokenizer = open_encoder("tiny").tokenizer
    space = LabelSpace(tuple(Label("icd10cm", f"Z{n:05d}", f"made-up condition {n}", 1, 1, 1) for n in range(labels)))
    network = CodingNetwork(shape(len(tokenizer), "sdpa"), labels, head).eval()
    threshold = GlobalThreshold(0.5, "nothing")
    save_bundle(
        path,
        BundleContents(network, tokenizer, space, threshold, head, "random", WINDOW, tokens, {"name": "x"}, "# x\n"),
    )


def plain_form(labels: int, tokens: int) -> Callable[[], object]:
    windows = -(-tokens // WINDOW)
    plain = PlainPlmIcd(shape(0, "eager"), 768, labels).eval()
    ids = torch.randint(1000, 30_000, (windows, WINDOW))
    mask = torch.ones_like(ids)

    def run() -> object:
        with torch.inference_mode():
            return plain(ids, mask)

    return run


def variants(folder: Path, options: argparse.Namespace) -> dict[str, Callable[[], object]]:
    write_bundle(folder / "plain", options.labels, options.head, options.tokens)
    calibration.NOTES = 4  # the ranges of random weights are no matter
    export_openvino(folder / "plain", None, folder / "int8")
    runs = {"plain fp32 PLM-ICD": plain_form(options.labels, options.tokens)}
    for precision in ("fp32", "bf16", "int8"):
        coder = load_bundle(folder / "int8", precision=precision, threads=options.threads)
        text = made_up_note(coder.tokenizer, options.tokens)
        assert len(coder.score(text).windowed.ids) >= options.tokens  # warm, and as long as it should be
        runs[f"bundle {precision}"] = lambda coder=coder, text=text: coder.score(text)  # type: ignore[misc]
    return runs


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    wanted = [flag for flag in flags if any(word in flag for word in ("bf16", "vnni", "amx"))]
    return f"{names[0] if names else platform.processor()}, {' '.join(wanted)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=3072)
    parser.add_argument("--labels", type=int, default=8929)
    parser.add_argument("--head", default="plm-icd")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        runs = variants(Path(folder), options)
        wall: dict[str, list[float]] = {name: [] for name in runs}
        processor: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(options.turns + 1):
            for name, run in runs.items():
                began, cpu = time.perf_counter(), time.process_time()
                run()
                if turn:  # the first warms
                    wall[name].append(time.perf_counter() - began)
                    processor[name].append(time.process_time() - cpu)
    print(f"{cpu_name()}, {options.threads} threads, load {os.getloadavg()[0]:.1f}, {options.turns} turns")
    print(f"one note of {options.tokens} tokens, {options.labels} labels, {options.head}")
    first = next(iter(runs))
    for name in runs:
        ratio, cpu_ratio = median(wall[first]) / median(wall[name]), median(processor[first]) / median(processor[name])
        print(
            f"{name:20s} wall {median(wall[name]):6.2f} s ({min(wall[name]):.2f} to {max(wall[name]):.2f}), "
            f"{ratio:.2f} x; processor {median(processor[name]):6.2f} s, {cpu_ratio:.2f} x"
        )


if __name__ == "__main__":
    main()
