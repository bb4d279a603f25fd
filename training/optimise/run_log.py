"""What a run leaves to look at: JSON lines, and scalars for TensorBoard."""

import json
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from model.atomic_output import write_atomically
from training.optimise.checkpoint import Progress

LINES = "log.jsonl"


class RunLog:
    """Appends to log.jsonl and to a TensorBoard folder, where TensorBoard is installed. Figures only, never text.

    A run goes on where ``progress`` says: what an earlier one wrote after that point, and will now be written again, is
    removed. ``silent`` writes nothing, for all processes but the first.
    """

    def __init__(self, folder: Path, progress: Progress, silent: bool = False) -> None:
        self._lines: Any = None
        self._board: Any = None
        if silent:
            return
        _drop_what_comes_again(folder / LINES, progress)
        self._lines = (folder / LINES).open("a", encoding="utf-8")
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter  # slow to import, and needed here only

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=progress.step + 1)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._lines, self._board):
            if file is not None:
                file.close()

    def write(self, event: str, step: int, **figures: float | int | str | None) -> None:
        """One line: the event, the optimiser step, the time, and the figures."""
        if self._lines is None:
            return
        line = {"event": event, "step": step, "time": round(time.time(), 3), **figures}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        for name, value in figures.items():
            if self._board is not None and isinstance(value, (int, float)):
                self._board.add_scalar(f"{event}/{name}", value, step)


def _drop_what_comes_again(path: Path, progress: Progress) -> None:
    """Lines of later steps and epochs, and a line that a kill cut short."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _is_past(line, progress)]
    if kept != lines or not path.read_bytes().endswith(b"\n"):
        write_atomically(path, "".join(line + "\n" for line in kept).encode())


def _is_past(line: str, progress: Progress) -> bool:
    try:
        figures = json.loads(line)
    except json.JSONDecodeError:  # cut short
        return False
    return bool(figures["step"] <= progress.step and figures.get("epoch", 0) <= progress.epoch)
