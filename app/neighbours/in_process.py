"""Candidates from a snapshot in this process: what SQLite's file cannot search itself."""

import threading
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from app.database.column_types import VECTOR_TYPE
from app.neighbours import repository
from app.neighbours.repository import State
from app.neighbours.search import Candidates, Filters
from app.neighbours.segment_search import nearest_rows
from app.neighbours.snapshot import NEVER, Snapshot, build_segment, microseconds, refresh
from model.icd import Code
from model.labels import SPLITS


@dataclass
class InProcessSource:
    """Exact candidates by faiss over float16; the snapshot follows the rows. Safe to use from many threads."""

    embedding_id: str
    dimension: int
    _snapshot: Snapshot | None = field(default=None, init=False, repr=False)
    _refreshing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def nearest(self, connection: Connection, query: np.ndarray, wanted: int, filters: Filters) -> Candidates:
        """See :class:`app.neighbours.search.CandidateSource`."""
        snapshot = self.current(connection)
        allowed = Allowed(connection, snapshot, filters)
        names: list[str] = []
        vectors, ceiling = [np.empty((0, self.dimension), dtype=VECTOR_TYPE)], -np.inf
        for place, segment in enumerate(snapshot.segments):
            nearest = nearest_rows(segment, allowed.mask(place), query, wanted)
            names += segment.rows.note_ids[nearest.places].tolist()
            vectors.append(segment.vectors[nearest.places])
            ceiling = max(ceiling, nearest.ceiling)
        return Candidates(names, np.concatenate(vectors), ceiling)

    def current(self, connection: Connection) -> Snapshot:
        """The snapshot of the transaction's state; only rows that came since the last one are read."""
        state = repository.state(connection)
        snapshot = self._snapshot
        if snapshot is not None and snapshot.state == state:
            return snapshot
        with self._refreshing:
            old = self._snapshot  # another thread may have read the same state meanwhile
            if old is None or old.state != state:
                old = old if old is not None and _led_to(old.state, state) else Snapshot(self.dimension)
                self._snapshot = old = self._refreshed(connection, old, state)
            return old

    def _refreshed(self, connection: Connection, old: Snapshot, state: State) -> Snapshot:
        count = repository.count_embeddings(connection, self.embedding_id, above=old.seen)
        rows = repository.read_embeddings(connection, self.embedding_id, above=old.seen)
        added = build_segment(rows, count, self.dimension)
        left = repository.count_embeddings(connection, self.embedding_id) - count
        # No old row can have come, so an equal number is the same rows.
        present = None if left == len(old) else repository.embedding_rows(connection, self.embedding_id, upto=old.seen)
        return refresh(old, state, added, present)


def _led_to(old: State | None, new: State) -> bool:
    """Whether the new state came from the old one by changes: no row of it has another content then.

    A lower version is that of a transaction that began before the last change, or of an older copy of the database
    that was put in its place: both are read from the beginning.
    """
    return old is not None and old.database == new.database and old.version < new.version


class Allowed:
    """The rows of a snapshot that pass the filters, whose names are looked up once."""

    def __init__(self, connection: Connection, snapshot: Snapshot, filters: Filters) -> None:
        """Translate patients, notes and codes to row ids."""
        self.snapshot, self.filters = snapshot, filters
        self.excluded_patients = repository.patient_rows(connection, filters.exclude_subjects)
        self.patients = None if filters.subjects is None else repository.patient_rows(connection, filters.subjects)
        self.excluded_notes = repository.note_rows(connection, filters.exclude_notes)
        self.carriers = None if filters.codes is None else [self._carriers(connection, code) for code in filters.codes]

    def mask(self, place: int) -> np.ndarray:
        """(N,) bool for the segment at this place."""
        rows, filters = self.snapshot.segments[place].rows, self.filters
        mask = self.snapshot.alive[place].copy()
        for patient in self.excluded_patients:
            mask &= rows.patients != patient
        for note in self.excluded_notes:
            mask &= rows.notes != note
        if self.patients is not None:
            mask &= np.isin(rows.patients, self.patients)
        if filters.splits is not None:
            mask &= _is_any(rows.splits, [SPLITS.index(split) for split in filters.splits if split in SPLITS])
        if self.carriers is not None:
            mask &= np.isin(rows.notes, np.concatenate([np.empty(0, dtype=np.int64), *self.carriers]))
        if filters.stored_from is not None:
            mask &= rows.stored_at >= microseconds(filters.stored_from.timestamp())
        if filters.stored_before is not None:
            mask &= (rows.stored_at < microseconds(filters.stored_before.timestamp())) & (rows.stored_at != NEVER)
        return mask

    def _carriers(self, connection: Connection, code: Code) -> np.ndarray:
        known = self.snapshot.carriers.get(code)
        if known is None:
            known = self.snapshot.carriers[code] = repository.notes_with_code(connection, code)
        return known


def _is_any(values: np.ndarray, wanted: list[int]) -> np.ndarray:
    """As np.isin, for a few values."""
    found = np.zeros(len(values), dtype=bool)
    for value in wanted:
        found |= values == value
    return found
