"""What a run leaves to look at: JSON lines, and scalars for TensorBoard."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any


class RunLog:
    """Appends to log.jsonl and to a TensorBoard folder; a resumed run goes on in both. Figures only, never text."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and needed here only

        self._lines = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._board: Any = SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._board.close()

    def write(self, event: str, step: int, **figures: float | int | str | None) -> None:
        """One line: the event, the optimiser step, the time, and the figures."""
        line = {"event": event, "step": step, "time": round(time.time(), 3), **figures}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        for name, value in figures.items():
            if isinstance(value, (int, float)):
                self._board.add_scalar(f"{event}/{name}", value, step)
