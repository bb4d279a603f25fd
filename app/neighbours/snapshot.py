"""An immutable copy of the stored embeddings in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from app.neighbours.repository import Generation
from model.errors import MalformedInput

VECTOR_TYPE = np.dtype("<f2")


@dataclass(frozen=True)
class Snapshot:
    """Embeddings of N notes at one generation, ordered by note_id.

    Shape:
        matrix: (N, D) float32. Every value is a stored float16 exactly; numpy has no fast float16 product.
        norms: (N,) float32, 1 but for the rounding to float16.
    """

    generation: Generation
    note_ids: np.ndarray
    """(N,) of str, ascending: the row number orders as the note_id does."""
    splits: np.ndarray
    subject_ids: np.ndarray
    """(N,) of str; empty where the patient is not known."""
    matrix: np.ndarray
    norms: np.ndarray

    def __len__(self) -> int:
        return len(self.note_ids)

    def row(self, note_id: str) -> int | None:
        """Row of a note, or None."""
        place = int(np.searchsorted(self.note_ids, note_id))
        found = place < len(self) and self.note_ids[place] == note_id
        return place if found else None


def encode_vector(vector: np.ndarray) -> bytes:
    """A vector (D,) as it is stored: float16, little-endian."""
    return vector.astype(VECTOR_TYPE).tobytes()


def build_snapshot(
    rows: Iterable[tuple[str, str, str | None, bytes]], generation: Generation, dimension: int
) -> Snapshot:
    """A snapshot of rows (note_id, split, subject_id, vector).

    Raises:
        MalformedInput: a vector has another dimension.
    """
    matrix = np.empty((generation.rows, dimension), dtype=np.float32)  # (N, D)
    note_ids: list[str] = []
    splits: list[str] = []
    subject_ids: list[str] = []
    for place, (note_id, split, subject_id, vector) in enumerate(rows):
        if len(vector) != dimension * VECTOR_TYPE.itemsize:
            raise MalformedInput(
                f"the stored embedding of note '{note_id}' has {len(vector)} bytes, expected "
                f"{dimension * VECTOR_TYPE.itemsize}: index into a new database"
            )
        matrix[place] = np.frombuffer(vector, dtype=VECTOR_TYPE)
        note_ids.append(note_id)
        splits.append(split)
        subject_ids.append(subject_id or "")
    order = sorted(range(len(note_ids)), key=note_ids.__getitem__)  # a database may collate differently
    matrix = matrix if order == list(range(len(order))) else matrix[order]
    matrix.flags.writeable = False
    return Snapshot(
        generation,
        _strings(note_ids, order),
        _strings(splits, order),
        _strings(subject_ids, order),
        matrix,
        np.maximum(np.linalg.norm(matrix, axis=1), np.finfo(np.float32).tiny),
    )


def _strings(values: list[str], order: list[int]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = [values[place] for place in order]
    array.flags.writeable = False
    return array
