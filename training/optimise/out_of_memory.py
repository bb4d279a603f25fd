"""Out of memory, told by the batch that does not fit and the flag to change."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from model.errors import IcdCoderError
from training.options import TrainingOptions

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
