"""A loss or gradient that is not finite: what to change, and which documents to look at."""

import json
from collections.abc import Sequence
from pathlib import Path

from model.atomic_output import write_atomically
from model.errors import IcdCoderError
from training.optimise.checkpoint_folder import LAST, has_checkpoint

DIVERGED = "diverged.json"


class TrainingDiverged(IcdCoderError):
    """The loss or its gradient became NaN or infinite."""


def diverged(
    what: str, value: float, step: int, folder: Path, documents: Sequence[str], write: bool
) -> TrainingDiverged:
    """The error with the step, the flags to change and the checkpoint; the documents' ids go to diverged.json.

    Args:
        documents: ids of the notes whose loss or gradient it is; never their text.
        write: whether this process writes.
    """
    report = {"step": step, "what": what, "value": str(value), "document_ids": list(documents)}
    if write:
        write_atomically(folder / DIVERGED, json.dumps(report, indent=2).encode())
    kept = f"the last good checkpoint is '{folder / LAST}'" if has_checkpoint(folder) else "no checkpoint was due yet"
    return TrainingDiverged(
        f"the {what} is {value} at step {step}: lower --learning-rate, or raise --temperature; "
        f"the documents of the batch are named in '{folder / DIVERGED}', {kept}"
    )
