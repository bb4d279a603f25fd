"""Tokens per second of training on frozen states, with threads that spin and threads that sleep while they wait.

Run: python tests/benchmarks/benchmark_threads.py [--turns 3] [--admissions 200] [--busy 2]

OpenMP's wait policy is read once a process, so each turn is an `icd-coder train` of its own over the same cached
states: OMP_WAIT_POLICY=ACTIVE and PASSIVE in turn, (a) as the machine is and (b) beside processes that the benchmark
starts and that do nothing but compute. Medians; the load at the start and end tells whether (a) was quiet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ICD_CODER = (sys.executable, "-m", "icd_coder")
ROOT = Path(__file__).parents[2]
POLICIES = ("ACTIVE", "PASSIVE")
EPOCHS = 3


def icd_coder(*arguments: object, **environment: str) -> None:
    """Run a verb without its output."""
    command = [*ICD_CODER, *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)


def prepare(folder: Path, admissions: int) -> None:
    """Write a dataset, and train once so that the states of the frozen layers are cached."""
    icd_coder("synth", "mimic3", "--admissions", admissions, "--out", folder / "tables")
    icd_coder("prepare", "mimic3", "--source", folder / "tables", "--dev-share", "0.1", "--out", folder / "data")
    train(folder, "first", 1, "PASSIVE")


def train(folder: Path, name: str, epochs: int, policy: str) -> float:
    """Tokens per second of the median epoch."""
    out = folder / name
    shape = ("--encoder", "minilm", "--max-tokens", 512, "--freeze-layers", 6, "--epochs", epochs, "--patience", epochs)
    icd_coder("train", "--data", folder / "data", *shape, "--out", out, OMP_WAIT_POLICY=policy)
    events = map(json.loads, (folder / f"{name}.run" / "log.jsonl").read_text().splitlines())
    return statistics.median(event["tokens_per_second"] for event in events if "tokens_per_second" in event)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that take a core each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--admissions", type=int, default=200)
    parser.add_argument("--busy", type=int, default=2)
    options = parser.parse_args()
    print(f"load at the start {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        prepare(folder, options.admissions)
        for others in (0, options.busy):
            rates: dict[str, list[float]] = {policy: [] for policy in POLICIES}
            with busy(others):
                for turn in range(options.turns):
                    for policy in POLICIES:
                        rates[policy].append(train(folder, f"{policy}-{others}-{turn}", EPOCHS, policy))
            active, passive = (statistics.median(rates[policy]) for policy in POLICIES)
            print(
                f"beside {others} busy processes: ACTIVE {active:,.0f} tokens/s, PASSIVE {passive:,.0f} tokens/s, "
                f"PASSIVE / ACTIVE {passive / active:.2f}"
            )
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
