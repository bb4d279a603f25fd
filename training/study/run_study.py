"""Run the cells of a grid that are not finished yet, one after the other."""

import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from model.errors import InvalidOption
from model.progress import with_progress
from training.study.cell import Cell
from training.study.inputs import StudyData
from training.study.ledger import Ledger
from training.study.measures import measure
from training.study.study_losses import source_digest
from training.study.trained import Trained

Train = Callable[[Cell], Trained]


def run_study(
    data: StudyData,
    recipe: dict[str, Any],
    cells: Sequence[Cell],
    folder: Path,
    train: Train,
    minutes: float = math.inf,
) -> Ledger:
    """Run what the folder lacks; a finished cell is never run again.

    Args:
        recipe: what all cells share beside the data.
        minutes: no cell is begun after so many; one always is.

    Raises:
        InvalidOption: the folder holds a study of other data or another recipe, or of a loss whose source has changed.
        UnwritableOutput: another process is adding to the folder.
        TrainingDiverged: a loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once it is said how many cells are left.
    """
    ledger = Ledger.opened(folder, _identity(data, recipe))
    end = time.monotonic() + 60 * minutes
    with ledger.claimed():
        _require_same_sources(ledger, cells)
        missing = [cell for cell in cells if cell not in ledger.runs]
        done = len(cells) - len(missing)
        try:
            for cell in with_progress(missing, f"cells ({done} of {len(cells)} were done)", len(missing), "cell"):
                _run(cell, data, ledger, train)
                if time.monotonic() >= end:
                    break
        finally:
            left = sum(cell not in ledger.runs for cell in cells)
            if left:
                sys.stderr.write(f"icd-coder: {left} of {len(cells)} cells are left: the same command goes on\n")
    return ledger


def _run(cell: Cell, data: StudyData, ledger: Ledger, train: Train) -> None:
    started = time.perf_counter()
    trained = train(cell)
    measured = measure(trained, data)
    line = {
        "figures": measured.figures,
        "best_step": trained.best_step,
        "factor": trained.factor,
        "bce": trained.bce,
        "contrastive_term": trained.term,
        "seconds_a_step": trained.seconds_a_step,
        "peak_bytes_a_step": trained.peak_bytes,
        "wall_seconds": round(time.perf_counter() - started, 2),
    }
    if (digest := source_digest(cell.setting.loss)) is not None:
        line["loss_source"] = digest
    ledger.add(cell, line, measured.documents)


def _require_same_sources(ledger: Ledger, cells: Sequence[Cell]) -> None:
    """A finished cell of a loss of one's own is that of its source as it is now."""
    for name in dict.fromkeys(cell.setting.loss for cell in cells):
        digests = {run.line.get("loss_source") for run in ledger.runs.values() if run.cell.setting.loss == name}
        if digests - {source_digest(name)}:
            raise InvalidOption(
                f"'{ledger.folder}' holds runs of {name} as its source was before: choose another --out, or give the "
                "changed loss a name of its own"
            )


def _identity(data: StudyData, recipe: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "judged_split": data.judged_split,
        "documents": {"train": len(data.train), "tuning": len(data.tuning), "judged": len(data.judged)},
        "labels": len(data.labels),
        "recipe": recipe,
    }
