"""Training notes as batches: from token ids, or from the cached states of the frozen layers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from model.batch import NoteBatch, batch_of_ids
from model.labels import multi_hot
from model.network import CodingNetwork
from model.windows import WindowedNote
from training.frozen_states import frozen_states


class BatchSource(Protocol):
    """Anything that makes a batch of the notes at some indices."""

    def batch(self, indices: Sequence[int]) -> NoteBatch: ...


@dataclass(frozen=True)
class IdSource:
    """Batches of token ids, for an encoder that is trained whole."""

    notes: Sequence[WindowedNote]
    pad_id: int

    def batch(self, indices: Sequence[int]) -> NoteBatch:
        return batch_of_ids([self.notes[index] for index in indices], self.pad_id)


@dataclass(frozen=True)
class NoteSource:
    """Notes of a split with their label columns."""

    source: BatchSource
    sizes: np.ndarray
    """Tokens of each note, (n,)."""
    rows: Sequence[np.ndarray]
    """Label columns of each note."""
    num_labels: int

    def __len__(self) -> int:
        return len(self.sizes)

    def batch(self, indices: Sequence[int]) -> tuple[NoteBatch, Tensor]:
        """Batch and multi-hot targets (B, L) float32."""
        targets = multi_hot([self.rows[index] for index in indices], self.num_labels)
        return self.source.batch(indices), torch.from_numpy(targets).float()


def note_source(
    network: CodingNetwork,
    notes: Sequence[WindowedNote],
    rows: Sequence[np.ndarray],
    pad_id: int,
    cache: Path,
    device: str,
) -> NoteSource:
    """The notes of a split, through the cache when layers are frozen."""
    source: BatchSource = IdSource(notes, pad_id)
    if network.frozen_layers >= 0:
        source = frozen_states(network, notes, pad_id, cache, device)
    sizes = np.array([len(note.ids) for note in notes])
    num_labels = len(network.label_attention.bias)
    return NoteSource(source, sizes, rows, num_labels)


def shuffled_batches(sizes: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Batches of notes alike in length, in random order: the same for the same seed and epoch.

    Notes are shuffled, sorted by length within pools of 32 batches, cut, and the batches shuffled again, so
    that little is padded and an epoch still differs from the next.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(sizes))
    pool = 32 * batch_size
    batches: list[list[int]] = []
    for first in range(0, len(order), pool):
        chosen = order[first : first + pool]
        chosen = chosen[np.argsort(sizes[chosen], kind="stable")]
        batches += [chosen[start : start + batch_size].tolist() for start in range(0, len(chosen), batch_size)]
    return [batches[index] for index in random.permutation(len(batches))]


def ordered_batches(sizes: np.ndarray, batch_size: int) -> Iterator[list[int]]:
    """Every note once, by length."""
    order = np.argsort(sizes, kind="stable")
    for first in range(0, len(order), batch_size):
        yield order[first : first + batch_size].tolist()
