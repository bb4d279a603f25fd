"""Candidates from PostgreSQL: an exact scan over ``halfvec``, or an approximate index that has proved itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    Connection,
    Float,
    Row,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    false,
    func,
    or_,
    select,
    text,
)

from app.database.tables import AssignedCode, Embedding, Note, Patient
from app.neighbours import repository
from app.neighbours.search import Candidates, Filters

SCAN_SLACK = 1e-5
"""More than pgvector's float32 error of a cosine at D = 1,024 (measured below 1e-6)."""
SURPLUS = 8
"""Joining 52,722 rows with the notes that pass takes longer than scanning for eight times as many nearest rows."""
MAX_SURPLUS = 1_000
"""For more rows than this there is no surplus: the sort would hold too many vectors."""
SAMPLE = 64
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
        if self.approximate:
            for setting in HNSW_SETTINGS:
                connection.execute(text(setting))
        conditions = _note_conditions(filters)
        ranked = self._ranked(connection, query, filters)
        found: Sequence[Row[Any]] = ()
        if not self.approximate and wanted <= MAX_SURPLUS and _pass_often(connection, conditions):
            found = connection.execute(_named(ranked.limit(SURPLUS * wanted), conditions).limit(wanted)).all()
        if len(found) < wanted:
            passing = ranked.where(Embedding.note_id.in_(select(Note.id).where(*conditions))) if conditions else ranked
            found = connection.execute(_named(passing.limit(wanted), [])).all()
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

    def _ranked(self, connection: Connection, query: np.ndarray, filters: Filters) -> Select[Any]:
        """Rows that are not excluded, nearest first."""
        distance = self._distance(query)
        # Written into the statement: a plan for any embedding id could not use an index over one of them.
        own = Embedding.embedding_id == bindparam("embedding_id", self.embedding_id, literal_execute=True)
        ranked = select(Embedding.note_id, Embedding.vector, distance.label("distance")).where(own).order_by(distance)
        # Looked up first: a subquery under NOT keeps the scan serial.
        excluded = repository.excluded_notes(connection, filters.exclude_notes, filters.exclude_subjects)
        return ranked.where(Embedding.note_id.not_in(excluded)) if excluded else ranked


def _named(ranked: Select[Any], conditions: Sequence[Any]) -> Select[Any]:
    """The ranked rows whose notes pass the conditions, with the names of the notes, nearest first."""
    rows = ranked.subquery()
    named = select(Note.note_id, rows.c.vector, rows.c.distance).join(rows, Note.id == rows.c.note_id)
    return named.where(*conditions).order_by(rows.c.distance)


def _pass_often(connection: Connection, conditions: Sequence[Any]) -> bool:
    """Whether so many notes pass that the nearest SURPLUS times as many hold enough of them, most likely.

    Asked of notes evenly spread over their ids.
    """
    if not conditions:
        return False
    highest = select(func.max(Note.id)).scalar_subquery()
    number = func.generate_series(1, SAMPLE).column_valued("number")
    sample = select(cast(highest, BigInteger) * number // SAMPLE)
    row = select(func.count(), func.count().filter(and_(*conditions))).select_from(Note).where(Note.id.in_(sample))
    there, passing = connection.execute(row).one()
    return bool(SURPLUS * passing >= 2 * there)


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
