"""The states after the frozen layers, computed once and kept on disk.

This is what makes training on a CPU practical: the encoder's lower layers run once a note instead of once an
epoch. The files are derived from patient text: they lie beside the dataset and are as private as it is.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from model.atomic_output import staged_directory
from model.errors import OutputExists, UnwritableOutput
from model.network.batch import NoteBatch, batch_of_ids, batch_of_states
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote
from model.progress import progress_bar

NOTES_AT_ONCE = 16
STATES_FILE = "states.f16"


@dataclass(frozen=True)
class FrozenStates:
    """Hidden states of a list of notes.

    Shape:
        states (tokens of all notes, H) float16 on disk; starts (n + 1,) first token of each note; lengths: (W,)
            for each note.
    """

    states: np.memmap | np.ndarray
    starts: np.ndarray
    lengths: Sequence[np.ndarray]

    def batch(self, indices: Sequence[int]) -> NoteBatch:
        """The notes at ``indices`` as one batch."""
        chosen = [self.states[self.starts[index] : self.starts[index + 1]] for index in indices]
        return batch_of_states(chosen, [self.lengths[index] for index in indices])


def frozen_states(
    network: CodingNetwork, notes: Sequence[WindowedNote], pad_id: int, cache: Path, device: str
) -> FrozenStates:
    """States of the notes, from the cache when it holds them.

    Raises:
        UnwritableOutput: the disk has no room for them; the message gives the size.
    """
    found = cached_states(network, notes, cache)
    if found is None:
        starts = _starts(notes)
        shape = (int(starts[-1]), network.encoder.hidden_size)
        _require_room(cache, shape)
        folder = cache / _key(network, notes)
        with suppress(OutputExists), staged_directory(folder) as staging:  # another run may be first: the same states
            target = _reserved(staging / STATES_FILE, shape)
            _compute(network, notes, pad_id, device, target, starts)
            target.flush()
            (staging / "shape.json").write_text(json.dumps(shape))
        found = cached_states(network, notes, cache)
    if found is None:
        raise UnwritableOutput(f"the states of the frozen layers vanished from '{cache}': run the command again")
    return found


def cached_states(network: CodingNetwork, notes: Sequence[WindowedNote], cache: Path) -> FrozenStates | None:
    """States of just these notes that an earlier run left in the cache, or None."""
    folder = cache / _key(network, notes)
    if not folder.is_dir():
        return None
    starts = _starts(notes)
    shape = (int(starts[-1]), network.encoder.hidden_size)
    states = np.memmap(folder / STATES_FILE, dtype=np.float16, mode="r", shape=shape)
    return FrozenStates(states, starts, [note.lengths for note in notes])


def _starts(notes: Sequence[WindowedNote]) -> np.ndarray:
    """First token of each note, and the end of the last, (n + 1,)."""
    return np.concatenate([[0], np.cumsum([len(note.ids) for note in notes])])


def _reserved(path: Path, shape: tuple[int, int]) -> np.memmap:
    """A memory map whose blocks are on the disk: one without kills the process when the disk fills up."""
    size = shape[0] * shape[1] * 2
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
    return np.memmap(path, dtype=np.float16, mode="r+", shape=shape)


def _compute(
    network: CodingNetwork,
    notes: Sequence[WindowedNote],
    pad_id: int,
    device: str,
    target: np.memmap,
    starts: np.ndarray,
) -> None:
    network.eval()
    order = sorted(range(len(notes)), key=lambda index: int(notes[index].lengths.max()))  # alike windows together
    with progress_bar("frozen layers", total=int(starts[-1]), unit="tok", scale=True) as bar:
        for first in range(0, len(order), NOTES_AT_ONCE):
            chosen = order[first : first + NOTES_AT_ONCE]
            batch = batch_of_ids([notes[index] for index in chosen], pad_id).to(device)
            states = network.frozen_states(batch)
            flat = states[batch.window_mask].to(torch.float16).cpu().numpy()
            position = 0
            for index in chosen:
                size = int(starts[index + 1] - starts[index])
                target[starts[index] : starts[index + 1]] = flat[position : position + size]
                position += size
            bar.update(len(flat))


def _key(network: CodingNetwork, notes: Sequence[WindowedNote]) -> str:
    """Hash of all that the states depend on: frozen weights, precision, tokens and windows."""
    settings = f"{network.frozen_layers} {network.precision} {network.encoder.arithmetic}"
    digest = hashlib.sha256(settings.encode())
    for part in (network.encoder.embeddings, *network.encoder.layers[: network.frozen_layers]):
        for tensor in part.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for note in notes:
        digest.update(note.ids.tobytes())
        digest.update(note.lengths.tobytes())
    return digest.hexdigest()[:24]


def _require_room(cache: Path, shape: tuple[int, int]) -> None:
    needed = shape[0] * shape[1] * 2
    existing = next(parent for parent in (cache, *cache.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if needed > 0.9 * free:
        raise UnwritableOutput(
            f"the states of the frozen layers need {needed / 1e9:.1f} GB, '{cache}' has {free / 1e9:.1f} GB free: "
            "name a larger disk with --cache, or train without --freeze-layers"
        )
