"""Run the cells of a grid that are not finished yet, one after the other."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.progress import with_progress
from training.study.cell import Cell
from training.study.inputs import StudyData
from training.study.ledger import Ledger
from training.study.measures import measure
from training.study.recipe import Recipe
from training.study.train_cell import train_cell


def run_study(data: StudyData, recipe: Recipe, cells: Sequence[Cell], folder: Path) -> Ledger:
    """Run what the folder lacks; a finished cell is never run again, a broken-off one from its start.

    Raises:
        InvalidOption: the folder holds a study of other data or another recipe.
        UnwritableOutput: another process is adding to the folder.
        TrainingDiverged: a loss is not finite.
    """
    ledger = Ledger.opened(folder, _identity(data, recipe))
    with ledger.claimed():
        missing = [cell for cell in cells if cell not in ledger.runs]
        done = len(cells) - len(missing)
        for cell in with_progress(missing, f"cells ({done} of {len(cells)} were done)", len(missing), "cell"):
            started = time.perf_counter()
            trained = train_cell(cell, data, recipe)
            measured = measure(trained, data)
            line = {
                "figures": measured.figures,
                "best_step": trained.best_step,
                "factor": trained.factor,
                "seconds_a_step": trained.seconds_a_step,
                "peak_bytes_a_step": trained.peak_bytes,
                "wall_seconds": round(time.perf_counter() - started, 2),
            }
            ledger.add(cell, line, measured.documents)
    return ledger


def _identity(data: StudyData, recipe: Recipe) -> dict[str, Any]:
    return {
        "data": data.name,
        "data_fingerprint": data.fingerprint,
        "judged_split": data.judged_split,
        "documents": {"train": len(data.train), "tuning": len(data.tuning), "judged": len(data.judged)},
        "labels": len(data.labels),
        "recipe": recipe.as_dict(),
    }
