"""An immutable copy of the stored embeddings in memory, in segments that later copies share.

When rows come or go a new snapshot is made from the old one: what was there is shared, not copied; new rows are a
further segment; deleted rows are masked. Small or hollow segments are merged now and then. The vectors are not
memory-mapped from a file: that would leave a second copy of patients' data on the disk.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import faiss
import numpy as np
from scipy.sparse import csr_array

from app.database.column_types import CODE_COLUMNS, VECTOR_TYPE
from app.neighbours.code_rows import code_rows, joined, memory
from app.neighbours.repository import EmbeddingRow, State
from model.errors import MalformedInput

MAX_SEGMENTS = 8
MAX_DEAD_SHARE = 0.1
CHUNK = 1024


class Rows(NamedTuple):
    """Ids of N rows, ordered by embedding.

    Shape:
        each (N,)
    """

    embeddings: np.ndarray
    """int64, ascending: row ids of the table ``embeddings``."""
    notes: np.ndarray
    """int64: row ids of the table ``notes``."""
    note_ids: np.ndarray
    """object: the notes' own ids (str)."""
    patients: np.ndarray
    """int32: row ids of the table ``patients``, 0 where the patient is not known."""
    codes_predicted: np.ndarray
    """bool: whether a bundle has predicted the row's codes."""

    @classmethod
    def empty(cls, count: int) -> Self:
        """Room for ``count`` rows."""
        types = (np.int64, np.int64, np.object_, np.int32, np.bool_)
        return cls(*(np.empty(count, dtype=kind) for kind in types))


@dataclass(frozen=True)
class Segment:
    """N rows that never change, with faiss's flat float16 index over them.

    Shape:
        vectors: (N, D) float16, a view of the index's own memory.
    """

    index: faiss.IndexScalarQuantizer
    vectors: np.ndarray
    rows: Rows
    codes: csr_array
    """(N, U) float32: the rows as their codes, empty where a row has none."""
    norm_slack: float
    """Largest distance of a row's norm from 1, from the rounding to float16."""

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True)
class Snapshot:
    """The embeddings of one state of the table."""

    dimension: int
    state: State | None = None
    """Of the database that was read; None before anything was."""
    seen: int = 0
    """The highest row id that was ever read: what is above is new."""
    segments: tuple[Segment, ...] = ()
    alive: tuple[np.ndarray, ...] = ()
    """(N,) bool by segment: False for rows that were deleted since."""

    def __len__(self) -> int:
        return sum(int(mask.sum()) for mask in self.alive)

    @property
    def bytes(self) -> int:
        """Memory of all arrays."""
        return sum(
            segment.vectors.nbytes
            + sum(array.nbytes for array in segment.rows)
            + _names(segment.rows)
            + memory(segment.codes)
            + mask.nbytes
            for segment, mask in zip(self.segments, self.alive, strict=True)
        )


def _names(rows: Rows) -> int:
    """Bytes of the strings, to which the array only points."""
    return sum(map(sys.getsizeof, rows.note_ids))


def build_segment(rows: Iterable[EmbeddingRow], count: int, dimension: int) -> Segment:
    """A segment of ``count`` rows ordered by embedding, read in chunks into memory that is allocated once.

    Raises:
        MalformedInput: a vector has another dimension, or codes are damaged.
    """
    index, vectors = _allocate(count, dimension)
    columns = Rows.empty(count)
    codes = [code_rows([])]
    slack, place = 0.0, 0
    for chunk in _chunks(rows):
        _require_dimension(chunk, dimension)
        part = slice(place, place + len(chunk))
        vectors[part] = np.stack([row.vector for row in chunk])
        for column, values in zip(columns, zip(*map(_values, chunk), strict=True), strict=True):
            column[part] = values
        slack = max(slack, _norm_slack(vectors[part]))
        codes.append(_codes(chunk))
        place += len(chunk)
    return _frozen(index, vectors, columns, joined(codes), slack)


def refresh(old: Snapshot, state: State, added: Segment, present: np.ndarray | None) -> Snapshot:
    """The snapshot after ``added`` came; ``present`` holds the old rows' ids that are left, None for all of them."""
    segments, alive = list(old.segments), list(old.alive)
    if present is not None:
        alive = [np.isin(segment.rows.embeddings, present, assume_unique=True) for segment in segments]
    if len(added):
        segments.append(added)
        alive.append(np.ones(len(added), dtype=bool))
    segments, alive = _tidy(segments, alive, old.dimension)
    for mask in alive:
        mask.flags.writeable = False
    seen = int(added.rows.embeddings[-1]) if len(added) else old.seen
    return Snapshot(old.dimension, state, seen, tuple(segments), tuple(alive))


def _tidy(segments: list[Segment], alive: list[np.ndarray], dimension: int) -> tuple[list[Segment], list[np.ndarray]]:
    """Drop empty segments, rewrite hollow ones, merge all but the first when there are many.

    The first, largest segment takes the others in when together they have reached a quarter of it: each row is
    then copied a few times at most, however many small additions there are.
    """
    kept = [(segment, mask) for segment, mask in zip(segments, alive, strict=True) if mask.any()]
    kept = [pair if pair[1].mean() >= 1 - MAX_DEAD_SHARE else _merged([pair], dimension) for pair in kept]
    if len(kept) > MAX_SEGMENTS:
        tail = sum(len(segment) for segment, _ in kept[1:])
        start = 0 if 4 * tail >= len(kept[0][0]) else 1
        kept = [*kept[:start], _merged(kept[start:], dimension)]
    return [segment for segment, _ in kept], [mask for _, mask in kept]


def _merged(parts: Sequence[tuple[Segment, np.ndarray]], dimension: int) -> tuple[Segment, np.ndarray]:
    count = sum(int(mask.sum()) for _, mask in parts)
    index, vectors = _allocate(count, dimension)
    columns = Rows.empty(count)
    place = 0
    for segment, mask in parts:
        part = slice(place, place + int(mask.sum()))
        np.compress(mask, segment.vectors, axis=0, out=vectors[part])
        for target, source in zip(columns, segment.rows, strict=True):
            np.compress(mask, source, out=target[part])
        place = part.stop
    codes = joined([segment.codes[mask] for segment, mask in parts])
    slack = max(segment.norm_slack for segment, _ in parts)
    return _frozen(index, vectors, columns, codes, slack), np.ones(count, dtype=bool)


def _allocate(count: int, dimension: int) -> tuple[faiss.IndexScalarQuantizer, np.ndarray]:
    """An index with room for ``count`` rows, and the view (count, D) of it that is to be filled.

    ``index.add`` would take float32 and let the memory grow by doubling.
    """
    index = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    size = count * index.code_size
    index.codes.resize(size)
    index.ntotal = count
    memory = faiss.rev_swig_ptr(index.codes.data(), size) if size else np.empty(0, dtype=np.uint8)
    return index, memory.view(VECTOR_TYPE).reshape(count, dimension)


def _frozen(
    index: faiss.IndexScalarQuantizer, vectors: np.ndarray, rows: Rows, codes: csr_array, slack: float
) -> Segment:
    for array in (vectors, *rows, codes.data, codes.indices, codes.indptr):
        array.flags.writeable = False
    return Segment(index, vectors, rows, codes, slack)


def _values(row: EmbeddingRow) -> tuple[int, int, str, int, bool]:
    return row.embedding, row.note, row.note_id, row.patient or 0, row.codes_predicted


def _codes(rows: Sequence[EmbeddingRow]) -> csr_array:
    """The codes of some rows, whose columns the search uses as addresses."""
    for row in rows:
        found = None if row.codes is None else row.codes.columns
        if found is not None and len(found) and not (found.min() >= 0 and found.max() < CODE_COLUMNS):
            raise MalformedInput(
                f"the stored codes of the embedding {row.embedding} are none of a code set: "
                "store them again with `icd-coder index --rebuild`"
            )
    return code_rows([row.codes for row in rows])


def _require_dimension(rows: Sequence[EmbeddingRow], dimension: int) -> None:
    for row in rows:
        if len(row.vector) != dimension:
            raise MalformedInput(
                f"the stored embedding {row.embedding} has {len(row.vector)} values, expected {dimension}: "
                "store it again with `icd-coder index --rebuild`"
            )


def _norm_slack(vectors: np.ndarray) -> float:
    """A row without length has the product 0 and the cosine 0: it needs no slack."""
    norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
    return float(np.abs(norms[norms > 0.0] - 1.0).max(initial=0.0))


def _chunks(rows: Iterable[EmbeddingRow]) -> Iterable[list[EmbeddingRow]]:
    chunk: list[EmbeddingRow] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
