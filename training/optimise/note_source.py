"""Training notes as batches: from token ids, or from the cached states of the frozen layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from model.label_sets import LabelSets
from model.network.batch import NoteBatch, batch_of_ids
from model.network.network import CodingNetwork
from model.network.windows import WindowedNote
from training.optimise.frozen_states import frozen_states


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
class SomeOf:
    """Batches of some notes of another source."""

    whole: BatchSource
    places: np.ndarray
    """Of each note in the whole, int64."""

    def batch(self, indices: Sequence[int]) -> NoteBatch:
        return self.whole.batch([int(self.places[index]) for index in indices])


@dataclass(frozen=True)
class NoteSource:
    """Notes of a split with their label columns."""

    source: BatchSource
    sizes: np.ndarray
    """Tokens of each note, (n,)."""
    rows: Sequence[np.ndarray]
    """Distinct label columns of each note, int64."""
    num_labels: int
    document_ids: Sequence[str] | None = None
    """To name documents by; their positions where there are none."""

    def __len__(self) -> int:
        return len(self.sizes)

    def batch(self, indices: Sequence[int]) -> NoteBatch:
        """The notes at ``indices`` as one batch."""
        return self.source.batch(indices)

    def label_sets(self, indices: Sequence[int]) -> LabelSets:
        """Their label sets."""
        return LabelSets.from_distinct([self.rows[index] for index in indices], self.num_labels)

    def some(self, places: np.ndarray) -> "NoteSource":
        """The notes at some places, in that order."""
        ids = None if self.document_ids is None else [self.document_ids[place] for place in places.tolist()]
        rows = [self.rows[place] for place in places.tolist()]
        return NoteSource(SomeOf(self.source, places), self.sizes[places], rows, self.num_labels, ids)

    def names(self, indices: Sequence[int]) -> list[str]:
        """Document ids, never text."""
        return [str(index) if self.document_ids is None else self.document_ids[index] for index in indices]


def note_source(
    network: CodingNetwork,
    notes: Sequence[WindowedNote],
    rows: Sequence[np.ndarray],
    pad_id: int,
    cache: Path,
    device: str,
    document_ids: Sequence[str] | None = None,
) -> NoteSource:
    """The notes of a split, through the cache when layers are frozen."""
    source: BatchSource = IdSource(notes, pad_id)
    if network.frozen_layers >= 0:
        source = frozen_states(network, notes, pad_id, cache, device)
    sizes = np.array([len(note.ids) for note in notes])
    num_labels = len(network.label_attention.bias)
    return NoteSource(source, sizes, rows, num_labels, document_ids)
