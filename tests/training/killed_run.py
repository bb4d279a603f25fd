"""``icd-coder train`` killed with signal 9 at steps that its own log tells, and resumed until it ends."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STEPS = 60
"""Of a whole run on 200 tiny notes: 120 of them train, 4 a batch, 6 or more a step, over three epochs."""
FLAGS = [
    "--encoder",
    "tiny",
    "--freeze-layers",
    "-1",
    "--device",
    "cpu",
    "--threads",
    "1",
    "--precision",
    "fp32",
    "--epochs",
    "3",
    "--batch-size",
    "4",
    "--contrastive-batch",
    "6",
    "--views",
    "2",
    "--window",
    "32",
    "--max-tokens",
    "64",
    "--checkpoint-minutes",
    "0.003",
]


def start(data: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "icd_coder", "train", "--data", str(data), "--out", str(out), *FLAGS, *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def log_lines(out: Path) -> list[dict[str, Any]]:
    """What the run has logged, without the times; a line that is being written is left out."""
    path = out.with_name(out.name + ".run") / "log.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [
        {name: value for name, value in line.items() if name not in ("time", "tokens_per_second")} for line in found
    ]


def kill_at_step(run: subprocess.Popen[bytes], out: Path, step: int) -> bool:
    """Kill the run as soon as its log has that step; whatever it does then. False where it ended before."""
    while run.poll() is None:
        if any(line["step"] >= step for line in log_lines(out)[-1:]):
            run.kill()
            run.wait()
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(timeout=0.003)
    return False


def killed_and_resumed(data: Path, out: Path, kills: int, seed: int) -> int:
    """Run to the end with so many kills on the way, at seeded steps; how many runs really died."""
    died = 0
    for step in sorted(random.Random(seed).sample(range(1, STEPS), kills)):
        died += kill_at_step(start(data, out, "--resume"), out, step)
    if not out.exists():
        assert start(data, out, "--resume").wait() == 0
    return died


def assert_same_run(found: Path, expected: Path) -> None:
    """The same bits in the bundle, and a log that tells every step once, with the same figures."""
    assert (found / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    assert log_lines(found) == log_lines(expected)
    assert [line["step"] for line in log_lines(found) if line["event"] == "step"] == list(range(1, STEPS + 1))
