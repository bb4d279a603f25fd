"""Candidates from PostgreSQL: an exact scan over ``halfvec``, or an approximate index that has proved itself."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, Float, Select, bindparam, cast, exists, false, or_, select, text

from app.neighbours import repository
from app.neighbours.search import Candidates, Filters
from app.tables import AssignedCode, Embedding, Note, Patient

SCAN_SLACK = 1e-5
"""More than pgvector's float32 error of a cosine at D = 1,024 (measured below 1e-6)."""
WORKERS = 2
HNSW_SETTINGS = ("SET LOCAL hnsw.iterative_scan = strict_order", "SET LOCAL hnsw.ef_search = 200")
"""Without the iterative scan a filter starves the answer: too few rows in 40 of 40 queries at a 5% filter."""


@dataclass
class InServerSource:
    """Candidates by one statement; exact unless ``approximate`` is set, see ``app/neighbours/approximate.py``."""

    embedding_id: str
    dimension: int
    approximate: bool = field(default=False)

    def nearest(self, connection: Connection, query: np.ndarray, wanted: int, filters: Filters) -> Candidates:
        """See :class:`app.neighbours.search.CandidateSource`."""
        for statement in (
            HNSW_SETTINGS if self.approximate else (f"SET LOCAL max_parallel_workers_per_gather = {WORKERS}",)
        ):
            connection.execute(text(statement))
        distance = self._distance(query)
        ranked = (
            self._filtered(connection, select(Embedding.note_id, Embedding.vector, distance.label("distance")), filters)
            .order_by(distance)
            .limit(wanted)
            .subquery()
        )
        found = connection.execute(
            select(Note.note_id, ranked.c.vector, ranked.c.distance).join(ranked, Note.id == ranked.c.note_id)
        ).all()
        vectors = np.stack([row.vector for row in found]) if found else np.empty((0, self.dimension))
        complete = len(found) < wanted or self.approximate
        ceiling = -np.inf if complete else 1.0 - max(row.distance for row in found) + SCAN_SLACK
        return Candidates([row.note_id for row in found], vectors, ceiling)

    def _distance(self, query: np.ndarray) -> Any:
        """Cosine distance. Only the cast to a fixed dimension can use an approximate index: without it, a full scan."""
        column: Any = Embedding.vector
        if self.approximate:
            from pgvector.sqlalchemy import HALFVEC

            column = cast(column, HALFVEC(self.dimension))
        return column.op("<=>", return_type=Float)(bindparam("query", query, type_=Embedding.vector.type))

    def _filtered(self, connection: Connection, query: Select[Any], filters: Filters) -> Select[Any]:
        # Written into the statement: a plan for any embedding id could not use an index over one of them.
        query = query.where(
            Embedding.embedding_id == bindparam("embedding_id", self.embedding_id, literal_execute=True)
        )
        excluded = self._excluded(connection, filters)
        if excluded:
            query = query.where(Embedding.note_id.not_in(excluded))
        conditions = _note_conditions(filters)
        if conditions:
            query = query.where(Embedding.note_id.in_(select(Note.id).where(*conditions)))
        return query

    def _excluded(self, connection: Connection, filters: Filters) -> list[int]:
        """Row ids of the notes that may not be found, looked up first: a subquery under NOT keeps the scan serial."""
        excluded = repository.note_rows(connection, filters.exclude_notes)
        patients = repository.patient_rows(connection, filters.exclude_subjects)
        return excluded + list(connection.scalars(select(Note.id).where(Note.patient_id.in_(patients))))


def _note_conditions(filters: Filters) -> list[Any]:
    conditions: list[Any] = []
    if filters.splits is not None:
        conditions.append(Note.split.in_(filters.splits))
    if filters.subjects is not None:
        conditions.append(Note.patient_id.in_(select(Patient.id).where(Patient.subject_id.in_(filters.subjects))))
    if filters.codes is not None:
        wanted = [(AssignedCode.system == code.system) & (AssignedCode.code == code.code) for code in filters.codes]
        conditions.append(exists().where(AssignedCode.note_id == Note.id).where(or_(false(), *wanted)))
    if filters.stored_from is not None:
        conditions.append(Note.stored_at >= filters.stored_from)
    if filters.stored_before is not None:
        conditions.append(Note.stored_at < filters.stored_before)
    return conditions
