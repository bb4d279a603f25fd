"""A training step that cannot go on: what to change, and which notes to look at.

Memory runs out in a batch, or a loss or gradient is not finite.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from model.atomic_output import write_atomically
from model.errors import IcdCoderError
from training.optimise.checkpoint_folder import LAST, has_checkpoint
from training.options import TrainingOptions

DIVERGED = "diverged.json"
CPU_REFUSALS = ("can't allocate memory", "not enough memory")
"""How torch's CPU allocator says so, in a plain RuntimeError; the second is its wording on Windows."""


class OutOfMemory(IcdCoderError):
    """A batch does not fit."""


@contextmanager
def named_out_of_memory(sizes: np.ndarray, options: TrainingOptions, contrastive: bool = False) -> Iterator[None]:
    """Tell a batch that does not fit by its notes, its longest note and the flag to change.

    Args:
        sizes: tokens of the notes at hand, (B,).
        contrastive: it is the comparison of all notes of a step, and not their forward pass.

    Raises:
        OutOfMemory: instead of whatever the allocator raised.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not _is_out_of_memory(error):
            raise
        number = "1 note" if len(sizes) == 1 else f"{len(sizes)} notes"
        what = "the contrastive loss" if contrastive else "a batch"
        raise OutOfMemory(
            f"out of memory in {what} of {number}, the longest of {int(sizes.max())} tokens: "
            f"lower {_flag(len(sizes), options, contrastive)}"
        ) from error


def _flag(notes: int, options: TrainingOptions, contrastive: bool) -> str:
    if contrastive and options.caches_gradients:
        return "--contrastive-batch"
    if notes == 1:
        return "--max-tokens"
    return "--tokens-per-batch" if options.tokens_per_batch else "--batch-size"


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in CPU_REFUSALS)


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
