"""Wall time and peak memory of `prepare mimic3` beside a twin that only reads every column and hashes the input.

Run ``python tests/benchmarks/benchmark_prepare_mimic3.py [--source FOLDER | --rows N] [--gz] [--runs 3]``.
Twin and preparation alternate, each in a process of its own. Aim at full size (2,083,180 rows of notes): a
median ratio of at most 2 and a peak below 2 GB.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.mock_mimic3 import FULL_ROWS, write_mock_mimic3

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """One child process."""

    seconds: float
    cpu: float
    peak_mib: float


def main() -> None:
    options = _options()
    if options.twin:
        twin(options.twin)
        return
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        source = options.source or Path(work) / "mock"
        if options.source is None:
            write_mock_mimic3(source, options.rows, options.gz)
        size = sum(path.stat().st_size for path in source.iterdir())
        _say(f"{source}: {size / 2**20:,.0f} MiB on disk")
        ratios = [_pair(source, Path(work) / "out", options.prepare) for _ in range(options.runs)]
    _say(f"median ratio of {len(ratios)}: {statistics.median(ratios):.2f}")


def twin(source: Path) -> None:
    """Read all columns of every table with the reader of the preparation, then hash the files."""
    from training.prepare.source_files import hashed
    from training.prepare.string_csv import csv_batches, csv_header

    paths = sorted(path for path in source.iterdir() if path.name.lower().endswith((".csv", ".csv.gz")))
    rows = sum(batch.height for path in paths for batch in csv_batches(path, csv_header(path)))
    _say(f"twin: {rows:,} rows, {sum(hashed(path)['bytes'] for path in paths):,} bytes")


def _pair(source: Path, out: Path, more: list[str]) -> float:
    read = _child([str(Path(__file__)), "--twin", str(source)])
    command = "from icd_coder import main; main()"
    prepared = _child(["-c", command, "prepare", "mimic3", "--source", str(source), "--out", str(out), *more])
    shutil.rmtree(out)
    ratio = prepared.seconds / read.seconds
    for name, run in (("twin", read), ("prepare", prepared)):
        _say(f"{name}: {run.seconds:.1f} s, of all cores {run.cpu:.1f} s, peak {run.peak_mib:,.0f} MiB")
    _say(f"ratio {ratio:.2f}, of processor time {prepared.cpu / read.cpu:.2f}")
    return ratio


def _child(arguments: list[str]) -> Run:
    """Run Python with the arguments and take the child's own resource usage (its peak resident set)."""
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = os.posix_spawn(sys.executable, [sys.executable, *arguments], environment)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"a child failed: {arguments}")
    return Run(
        time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    )  # Linux counts in KiB


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="folder with the tables; default: mock tables are made")
    parser.add_argument("--rows", type=int, default=FULL_ROWS // 10, help=f"notes of the mock; full is {FULL_ROWS}")
    parser.add_argument("--gz", action="store_true", help="the mock as .csv.gz")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder for the mock and the output; default: the system's")
    parser.add_argument("--prepare", nargs="*", default=[], help="more options of `prepare mimic3`")
    parser.add_argument("--twin", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
