"""Training killed with signal 9 at steps that its own log tells, and resumed until it ends.

``-m tests.training.run.killed_run FOLDER ROUNDS KILLS`` runs once undisturbed, then each round with so many kills.
The runs are forked from this process, which imports everything once and has one thread.
"""

import json
import multiprocessing
import random
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch.utils.tensorboard  # noqa: F401 - the children find it imported

from model.network.encoder_source import open_encoder
from tests.factories import write_tiny_dataset
from training.options import TrainingOptions
from training.run.run_request import TrainingRequest
from training.run.train import train_bundle

STEPS = 30
"""Of a whole run: 120 notes to train on, 8 a step, two epochs."""
OPTIONS = TrainingOptions(
    "tiny", epochs=2, batch_size=4, contrastive_batch=8, views=2, window=32, max_tokens=64, threads=1
)
SECONDS_BETWEEN_CHECKPOINTS = 0.2
FORK = multiprocessing.get_context("fork")


def train(data: Path, out: Path) -> None:
    train_bundle(TrainingRequest(data, out, OPTIONS, resume=True, checkpoint_minutes=SECONDS_BETWEEN_CHECKPOINTS / 60))


def start(data: Path, out: Path) -> BaseProcess:
    process = FORK.Process(target=train, args=(data, out))
    process.start()
    return process


def log_lines(out: Path) -> list[dict[str, Any]]:
    """What the run has logged, without the times; a line that is being written is left out."""
    path = out.with_name(out.name + ".run") / "log.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    timed = ("time", "tokens_per_second")
    return [{name: value for name, value in json.loads(line).items() if name not in timed} for line in lines]


def killed_at_step(process: BaseProcess, out: Path, step: int) -> bool:
    """Kill the run as soon as its log has that step, whatever it does then; False where it ended before."""
    while process.is_alive():
        if any(line["step"] >= step for line in log_lines(out)[-1:]):
            process.kill()
        process.join(timeout=0.002)
    return process.exitcode == -9


def killed_and_resumed(data: Path, out: Path, kills: int, seed: int) -> list[bool]:
    """Run to the end with so many kills on the way, at seeded steps; which of them hit."""
    steps = sorted(random.Random(seed).sample(range(1, STEPS - 1), kills))
    hits = [killed_at_step(start(data, out), out, step) for step in steps]
    last = start(data, out) if not out.exists() else None
    if last is not None:
        last.join()
        assert last.exitcode == 0
    return hits


def assert_same_run(found: Path, expected: Path) -> None:
    """The same bits in the bundle, and a log that tells every step once, with the same figures."""
    assert (found / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    assert log_lines(found) == log_lines(expected)
    assert [line["step"] for line in log_lines(found) if line["event"] == "step"] == list(range(1, STEPS + 1))


def main(folder: Path, rounds: int, kills: int) -> None:
    open_encoder("tiny")  # transformers imports what it needs when it needs it
    data, whole = write_tiny_dataset(folder / "data", number=200), folder / "whole"
    start(data, whole).join()
    hits: list[bool] = []
    for seed in range(rounds):
        out = folder / f"round{seed}"
        hits += killed_and_resumed(data, out, kills, seed)
        assert_same_run(out, whole)
    sys.stdout.write(json.dumps(hits) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
