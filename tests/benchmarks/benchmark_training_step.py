"""A training step on frozen states, in the source trees that are given, turn by turn.

python tests/benchmarks/benchmark_training_step.py [--trees OLD NEW] [--steps 3] [--turns 3]

Random frozen states of MiniLM's width (H = 384) for 64 notes of about 500 tokens, 16 notes a step, BCE plus SD with
lambda 1, at 2,194 labels (CodiEsp) and at 8,929 (MIMIC-III), 16 labels a note. One thread. Each tree is measured in a
process of its own; the trees take turns, so other work on the machine slows them alike. Printed by tree: the median
milliseconds of a step, of the contrastive loss with its gradient, of making the labels, and of BCE with its gradient.
The parts are measured 20 times as often as the step.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
LABELS = (2194, 8929)
HIDDEN, NOTES, BATCH, TOKENS, LABELS_A_NOTE = 384, 64, 16, 500, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trees", nargs="+", type=Path, default=[HERE.parents[2]])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(asked.measure, asked.steps)))
        return
    for labels in LABELS:
        found: dict[Path, list[dict[str, list[float]]]] = {tree.resolve(): [] for tree in asked.trees}
        for _ in range(asked.turns):
            for tree in found:
                found[tree].append(in_tree(tree, labels, asked.steps))
        medians = {tree: median_of(turns) for tree, turns in found.items()}
        for tree, figures in medians.items():
            shown = ", ".join(f"{name} {value:.2f} ms" for name, value in figures.items())
            print(f"{labels:,} labels, {tree.name}: {shown}")
        if len(asked.trees) == 2:
            old, new = medians.values()
            print(f"  ratio of the medians: {', '.join(f'{name} {new[name] / old[name]:.3f}' for name in new)}")


def in_tree(tree: Path, labels: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds by name, measured by this script with the modules of another tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE), "--measure", str(labels), "--steps", str(steps)]
    finished = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise SystemExit(finished.stderr)
    found: dict[str, list[float]] = json.loads(finished.stdout.splitlines()[-1])
    return found


def median_of(turns: list[dict[str, list[float]]]) -> dict[str, float]:
    return {name: statistics.median([value for turn in turns for value in turn[name]]) for name in turns[0]}


def measured(labels: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds of a step and of its parts; the first of each is not counted."""
    import torch

    from model.network.network import CodingNetwork
    from training.optimise.contrastive import contrastive_term
    from training.optimise.distributed import ALONE
    from training.optimise.loop import make_optimizer
    from training.optimise.step import StepGradient
    from training.options import TrainingOptions

    torch.manual_seed(0)
    torch.set_num_threads(1)
    options = TrainingOptions(encoder="minilm", batch_size=BATCH, freeze_layers=1, loss="sd")
    network = CodingNetwork(backbone(), labels, frozen_layers=1).train()
    notes, term = random_notes(labels), contrastive_term(options)
    assert term is not None
    optimizer, gradient = make_optimizer(network, options), StepGradient(network, notes, term, options, ALONE)
    order = torch.randperm(NOTES).tolist()
    batches = [order[first : first + BATCH] for first in range(0, NOTES, BATCH)]
    projections = torch.nn.functional.normalize(torch.randn(BATCH, 128), dim=1)
    logits = torch.randn(BATCH, labels, requires_grad=True)

    def step(indices: list[int]) -> None:
        seen = gradient([indices])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        term.remember(seen.projections, labels_seen(seen))

    def contrastive(indices: list[int]) -> None:
        leaf = projections.clone().requires_grad_()
        term(leaf, labels_of(notes, indices)).backward()

    def bce(indices: list[int]) -> None:
        targets = targets_of(notes, indices)
        torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum").backward()

    parts: dict[str, Callable[[list[int]], Any]] = {
        "step": step,
        "contrastive loss": contrastive,
        "labels": lambda indices: labels_of(notes, indices),
        "BCE": bce,
    }
    return {name: timed(part, batches, steps if name == "step" else 20 * steps) for name, part in parts.items()}


def timed(part: Callable[[list[int]], Any], batches: list[list[int]], steps: int) -> list[float]:
    found = []
    for number in range(steps + 1):
        started = time.perf_counter()
        part(batches[number % len(batches)])
        found.append(1000 * (time.perf_counter() - started))
    return found[1:]


def labels_of(notes: Any, indices: list[int]) -> Any:
    """What the contrastive loss is given: label sets, or a multi-hot matrix in older trees."""
    return notes.label_sets(indices) if hasattr(notes, "label_sets") else notes.targets(indices)


def targets_of(notes: Any, indices: list[int]) -> Any:
    """What BCE is given."""
    return notes.label_sets(indices).to_multi_hot() if hasattr(notes, "label_sets") else notes.targets(indices)


def labels_seen(seen: Any) -> Any:
    return seen.labels if hasattr(seen, "labels") else seen.targets


def backbone() -> Any:
    """One transformer layer of MiniLM's size: it is frozen, and no token is read."""
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=100, hidden_size=HIDDEN, num_hidden_layers=1, num_attention_heads=12)
    return BertModel(config, add_pooling_layer=False)


def random_notes(labels: int) -> Any:
    """Notes of 400 to 600 tokens in windows of 128, with labels drawn by a law of 1 / rank."""
    import numpy as np

    from training.optimise.frozen_states import FrozenStates
    from training.optimise.note_source import NoteSource

    random = np.random.default_rng(0)
    sizes = random.integers(TOKENS - 100, TOKENS + 100, NOTES)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    states = random.standard_normal((int(starts[-1]), HIDDEN), dtype=np.float32).astype(np.float16)
    lengths = [np.diff(np.append(np.arange(0, size, 128), size)) for size in sizes.tolist()]
    chances = 1 / np.arange(1, labels + 1)
    rows = [
        np.sort(random.choice(labels, LABELS_A_NOTE, replace=False, p=chances / chances.sum())) for _ in range(NOTES)
    ]
    return NoteSource(FrozenStates(states, starts, lengths), sizes, rows, labels)


if __name__ == "__main__":
    main()
