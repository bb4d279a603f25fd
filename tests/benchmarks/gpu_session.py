"""What a GPU does with training, inference and losses, and what SD does for codes and neighbours, in nine minutes.

Where the encoder and dataset directories are, make the folder that travels (at most 64 MiB):

    python tests/benchmarks/gpu_session.py --pack FOLDER --data DATASET [DATASET ...] [--encoder minilm]

On the GPU, without a network, with torch, transformers, numpy, pyarrow, safetensors and tqdm:

    python tests/benchmarks/gpu_session.py --packed FOLDER --out RESULTS [--minutes 9]

RESULTS gets session.json, written anew after every part, and session.md. A part that fails is named there, and the
next one begins; a part that the time does not allow is named as not run. Training and inference have the shape of
RoBERTa-base with random weights; then the packed encoder is fine-tuned whole, with BCE and with BCE + SD (lambda 1),
seed after seed. --small tries all of it on a CPU, with tiny shapes and few notes.
"""

import argparse
import json
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from gpu_fine_tunes import LOSSES, Cell, FineTuning, OutOfTime, fine_tune
from gpu_pack import commit, read_card, write_pack
from gpu_page import session_page
from gpu_processes import executor_of, submitted
from gpu_speed import HEADS, SMALL, Shapes, free_memory, losses, machine, throughput

from model.atomic_output import write_atomically
from model.errors import IcdCoderError
from model.network.device import resolve_device

FORMAT = "icd-coder GPU session 1"
SHARES = {"train": 0.2, "losses": 0.28, "predict": 0.4, "fine-tunes": 0.94}
"""Share of the minutes that are gone when the last part of a kind may begin; fine-tunes end there, too."""
AT_ONCE = 4
"""Fine-tunes at once on a GPU: a small encoder alone leaves most of it idle; untuned."""
SMALL_NOTES, SMALL_TOKENS = 12, 64
MOST_LETTERS = 300


class Session:
    """The parts that ran, were not run or failed, and the file that says so."""

    def __init__(self, out: Path, minutes: float, head: dict[str, Any]) -> None:
        self._out, self._seconds, self._started = out, 60 * minutes, time.time()
        self._result: dict[str, Any] = {"format": FORMAT, "started": _now(), "minutes": minutes, **head, "parts": {}}
        out.mkdir(parents=True, exist_ok=True)

    def deadline(self, kind: str) -> float:
        """When a kind of part must end, by time.time()."""
        return self._started + SHARES[kind] * self._seconds

    def part(self, kind: str, name: str, call: Callable[[], dict[str, Any]]) -> None:
        """Run a part unless its time is up."""
        if time.time() >= self.deadline(kind):
            self.record(name, not_run("its share of the time was used up"))
            return
        started = time.monotonic()
        found = outcome(call)
        self.record(name, {**found, "part_seconds": time.monotonic() - started})
        free_memory()

    def record(self, name: str, found: dict[str, Any]) -> None:
        """Keep what a part gave, and write both files."""
        self._result["parts"][name] = found
        self._result["written"] = _now()
        self._result["seconds"] = time.time() - self._started
        figures = json.dumps(finite(self._result), indent=2, allow_nan=False)
        write_atomically(self._out / "session.json", (figures + "\n").encode())
        write_atomically(self._out / "session.md", session_page(self._result).encode())
        sys.stderr.write(f"{self._result['seconds']:6.1f} s  {name}: {found['state']}\n")


def outcome(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part gave, or how it failed: the class, where, and the message where it cannot quote a note."""
    try:
        return {"state": "done", **call()}
    except OutOfTime:
        return not_run("the time was up before its last epoch")
    except Exception as error:  # noqa: BLE001 - one part must not end the others
        told = isinstance(error, (IcdCoderError, RuntimeError, AssertionError))
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {
            "state": "failed",
            "error": type(error).__name__,
            "message": " ".join(str(error).split())[:MOST_LETTERS] if told else "",
            "at": f"{Path(last.filename).name}:{last.lineno}",
        }


def not_run(reason: str) -> dict[str, Any]:
    """The record of a part that was left out."""
    return {"state": "not run", "reason": reason}


def finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON has not."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def measure_speed(session: Session, shapes: Shapes, device: str) -> None:
    """Training, losses and inference, in this order."""

    def measured(kind: str, head: str, notes: int) -> None:
        name = f"{kind} {head}, {notes} note{'s' * (notes > 1)}"
        session.part(kind, name, lambda: throughput(kind, head, notes, shapes, device))

    for head in HEADS:
        measured("train", head, shapes.training_notes)
    for batch in shapes.loss_batches:
        session.part("losses", f"losses, B {batch}", lambda batch=batch: losses(batch, shapes, device))
    for notes in shapes.inference_notes:
        for head in HEADS:
            measured("predict", head, notes)


def fine_tune_cell(cell: Cell, setting: FineTuning) -> dict[str, Any]:
    """A fine-tune in a process of its own: what it raises cannot always travel back."""
    found = outcome(lambda: fine_tune(cell, setting))
    free_memory()
    return found


def fine_tune_all(session: Session, cells: list[Cell], setting: FineTuning, at_once: int) -> None:
    """Every cell in order that the time allows, judged by how long the last one of its corpus took."""
    took: dict[str, float] = {}

    def fits(cell: Cell) -> bool:
        return time.time() + took.get(cell.corpus, 0.0) < setting.deadline

    with executor_of(at_once) as executor:
        running: dict[Future[dict[str, Any]], Cell] = {}
        while True:
            while len(running) < at_once and (cell := next(filter(fits, cells), None)):
                cells.remove(cell)
                running[submitted(executor, fine_tune_cell, cell, setting)] = cell
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                found = outcome(future.result)  # a process that was killed breaks the pool
                took[cell.corpus] = found.get("seconds", took.get(cell.corpus, 0.0))
                session.record(cell.name, found)
    for cell in cells:
        needed = took.get(cell.corpus)
        session.record(cell.name, not_run("no time left" if needed is None else f"one takes {needed:.0f} s"))


def run_session(given: argparse.Namespace) -> None:
    """All parts, on the device that was asked for."""
    card, device = read_card(given.packed), resolve_device(given.device)
    at_once = given.at_once or (AT_ONCE if device.startswith("cuda") else 1)
    shapes = SMALL if given.small else Shapes()
    head = {
        "small": given.small,
        "commit": commit() or card["commit"],
        "packed": card,
        "machine": machine(device),
        "shapes": vars(shapes),
        "at_once": at_once,
    }
    session = Session(given.out, given.minutes, head)
    measure_speed(session, shapes, device)
    seeds = range(1, (1 if given.small else given.seeds) + 1)
    cells = [Cell(name, loss, seed) for seed in seeds for name in card["datasets"] for loss in LOSSES]
    threads = max(1, (os.cpu_count() or 1) // at_once) if at_once > 1 else 0
    setting = FineTuning(given.packed, device, session.deadline("fine-tunes"), threads=threads)
    if given.small:
        setting = FineTuning(
            given.packed, device, setting.deadline, SMALL_NOTES, SMALL_TOKENS, epochs=1, threads=threads
        )
    fine_tune_all(session, cells, setting, at_once)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def arguments(given: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--pack", type=Path, help="the folder to make")
    kind.add_argument("--packed", type=Path, help="the folder that --pack made: run the session")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="with --pack: dataset directories")
    parser.add_argument("--encoder", default="minilm", help="with --pack")
    parser.add_argument("--out", type=Path, help="with --packed: the folder of the results")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seeds", type=int, default=12, help="most seeds of a fine-tune")
    parser.add_argument("--at-once", type=int, default=0, help=f"fine-tunes at once: {AT_ONCE} on a GPU, else 1")
    parser.add_argument("--small", action="store_true", help="tiny shapes, 12 notes a split, one epoch, one seed")
    asked = parser.parse_args(given)
    if asked.pack and not asked.data:
        parser.error("--pack needs --data DATASET")
    if asked.packed and not asked.out:
        parser.error("--packed needs --out RESULTS")
    return asked


def main(given: list[str] | None = None) -> None:
    asked = arguments(given)
    try:
        if asked.pack is None:
            run_session(asked)
            print((asked.out / "session.md").read_text(encoding="utf-8"))
            return
        sizes = write_pack(asked.pack, asked.data, asked.encoder)
    except IcdCoderError as error:
        raise SystemExit(f"gpu_session: {error}") from error
    for name, size in sizes.items():
        print(f"{size / 2**20:8.2f} MiB  {name}")
    print(f"{sum(sizes.values()) / 2**20:8.2f} MiB  in all")


if __name__ == "__main__":
    main()
