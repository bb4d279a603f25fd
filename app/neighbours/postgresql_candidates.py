"""Candidates from PostgreSQL: an exact scan over ``halfvec`` by the server."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Float, bindparam, select

from app.database.tables import Embedding, Note
from app.neighbours import repository
from app.neighbours.search import Candidates, Excluded

SCAN_SLACK = 1e-5
"""More than pgvector's float32 error of a cosine at D = 1,024 (measured below 1e-6)."""


@dataclass
class InServerSource:
    """Exact candidates by one statement. The distance is taken of the column itself, so that no approximate index on a
    cast of it, which an operator or an earlier version may have made, can serve the search.
    """

    embedding_id: str
    dimension: int

    def nearest(self, connection: Connection, query: np.ndarray, wanted: int, excluded: Excluded) -> Candidates:
        """See :class:`app.neighbours.search.CandidateSource`."""
        column: Any = Embedding.vector
        distance = column.op("<=>", return_type=Float)(bindparam("query", query, type_=Embedding.vector.type))
        # Written into the statement: a plan for any embedding id could not use an index over one of them.
        own = Embedding.embedding_id == bindparam("embedding_id", self.embedding_id, literal_execute=True)
        ranked = select(Embedding.note_id, Embedding.vector, distance.label("distance")).where(own).order_by(distance)
        # Looked up first: a subquery under NOT keeps the scan serial.
        left_out = repository.excluded_notes(connection, excluded.notes, excluded.subjects)
        if left_out:
            ranked = ranked.where(Embedding.note_id.not_in(left_out))
        rows = ranked.limit(wanted).subquery()
        named = select(Note.note_id, rows.c.vector, rows.c.distance).join(rows, Note.id == rows.c.note_id)
        found = connection.execute(named.order_by(rows.c.distance)).all()
        vectors = np.stack([row.vector for row in found]) if found else np.empty((0, self.dimension))
        ceiling = -np.inf if len(found) < wanted else 1.0 - max(row.distance for row in found) + SCAN_SLACK
        return Candidates([row.note_id for row in found], vectors, ceiling)
