"""Candidates from a snapshot in this process: what SQLite's file cannot search itself."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection

from app.database.column_types import VECTOR_TYPE
from app.neighbours import repository
from app.neighbours.code_rows import code_rows, joined
from app.neighbours.mixed_search import most_similar_rows
from app.neighbours.repository import State
from app.neighbours.search import Candidates, Excluded, SearchQuery, StoredCodes
from app.neighbours.segment_search import NearestRows
from app.neighbours.snapshot import Segment, Snapshot, build_segment, refresh


@dataclass
class InProcessSource:
    """Exact candidates by faiss over float16 and a sparse product over the codes; the snapshot follows the rows. Safe
    to use from many threads.
    """

    embedding_id: str
    dimension: int
    _snapshot: Snapshot | None = field(default=None, init=False, repr=False)
    _refreshing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def nearest(self, connection: Connection, query: SearchQuery, wanted: int, excluded: Excluded) -> Candidates:
        """See :class:`app.neighbours.search.CandidateSource`."""
        snapshot = self.current(connection)
        notes = repository.note_rows(connection, excluded.notes)
        patients = repository.patient_rows(connection, excluded.subjects)
        found = []
        for place, segment in enumerate(snapshot.segments):
            passing = _passing(snapshot, place, notes, patients)
            found.append((segment, most_similar_rows(segment, passing, query, wanted)))
        return self._candidates(found, query.reads_codes)

    def _candidates(self, found: Sequence[tuple[Segment, NearestRows]], with_codes: bool) -> Candidates:
        names: list[str] = []
        vectors, codes = [np.empty((0, self.dimension), dtype=VECTOR_TYPE)], [code_rows([])]
        predicted = [np.empty(0, dtype=bool)]
        for segment, nearest in found:
            names += segment.rows.note_ids[nearest.places].tolist()
            vectors.append(segment.vectors[nearest.places])
            if with_codes:
                codes.append(segment.codes[nearest.places])
                predicted.append(segment.rows.codes_predicted[nearest.places])
        ceiling = max((nearest.ceiling for _, nearest in found), default=-np.inf)
        stored = StoredCodes(joined(codes), np.concatenate(predicted)) if with_codes else None
        return Candidates(names, np.concatenate(vectors), ceiling, stored)

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


def _passing(snapshot: Snapshot, place: int, notes: Sequence[int], patients: Sequence[int]) -> np.ndarray:
    """(N,) bool for the segment at this place: rows that are neither deleted nor of these notes or patients."""
    rows = snapshot.segments[place].rows
    mask = snapshot.alive[place].copy()
    for patient in patients:
        mask &= rows.patients != patient
    for note in notes:
        mask &= rows.notes != note
    return mask
