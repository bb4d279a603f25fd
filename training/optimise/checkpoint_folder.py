"""The checkpoints that a run keeps: the last, the one before it, and the best weights."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from model.errors import MalformedInput
from training.optimise.checkpoint import RunState, load_checkpoint, save_checkpoint

LAST, PREVIOUS, BEST = "last.safetensors", "previous.safetensors", "best.safetensors"
DAMAGED = "damaged.safetensors"
"""A last checkpoint that could not be read, for whoever wants to know why."""


def has_checkpoint(folder: Path) -> bool:
    """Whether an earlier run left something to go on with."""
    return (folder / LAST).exists() or (folder / PREVIOUS).exists()


def keep_checkpoint(folder: Path, state: RunState, identity: dict[str, Any]) -> None:
    """Write the state as the last checkpoint; what was the last becomes the previous one.

    A kill at any moment leaves a last checkpoint, or, on a disk without hard links, at least a previous one.
    """
    if (folder / LAST).exists():
        _keep_previous(folder)
    save_checkpoint(folder / LAST, state, identity)


def resume_checkpoint(folder: Path, state: RunState, identity: dict[str, Any]) -> bool:
    """Bring ``state`` to the last checkpoint; where that is damaged or lost, to the previous one, say so, and be False.

    Raises:
        MalformedInput: neither can be read.
        LabelSpaceMismatch: they belong to a run with another label space or other options.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    if not previous.exists():
        load_checkpoint(last, state, identity)
        return True
    try:
        load_checkpoint(last, state, identity)
    except MalformedInput:
        load_checkpoint(previous, state, identity)
        sys.stderr.write(f"icd-coder: '{last}' is damaged or missing: going on from '{previous}' instead\n")
        return False
    return True


def set_damaged_aside(folder: Path) -> None:
    """Take a last checkpoint that could not be read out of the way, or it would become the previous one."""
    if (folder / LAST).exists():
        (folder / LAST).replace(folder / DAMAGED)


def _keep_previous(folder: Path) -> None:
    """A second name for the last checkpoint, so that there is no moment without one."""
    spare = folder / f".{PREVIOUS}.link"
    try:
        spare.unlink(missing_ok=True)
        os.link(folder / LAST, spare)
        spare.replace(folder / PREVIOUS)
        spare.unlink(missing_ok=True)  # two names of one file: the rename above then does nothing
    except OSError:  # no hard links here, as on some network disks
        (folder / LAST).replace(folder / PREVIOUS)


class CheckpointClock:
    """Says when the next checkpoint is due: ``minutes`` after the one before; at every step with 0."""

    def __init__(self, minutes: float) -> None:
        self._seconds = 60 * minutes
        self._since = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self._since >= self._seconds

    def restart(self) -> None:
        self._since = time.monotonic()
