"""Candidates from PostgreSQL: an exact scan over ``halfvec`` and ``sparsevec`` by the server."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Float, Select, bindparam, collate, func, select

from app.database.tables import Embedding, Note
from app.neighbours import repository
from app.neighbours.code_rows import code_rows
from app.neighbours.search import Candidates, Excluded, SearchQuery, StoredCodes

SCAN_SLACK = 1e-5
"""More than pgvector's float32 error of a cosine at D = 1,024 (measured below 1e-6)."""


@dataclass
class InServerSource:
    """Exact candidates by one statement. The distance is taken of the column itself, so that no approximate index on a
    cast of it, which an operator or an earlier version may have made, can serve the search.
    """

    embedding_id: str
    dimension: int

    def nearest(self, connection: Connection, query: SearchQuery, wanted: int, excluded: Excluded) -> Candidates:
        """See :class:`app.neighbours.search.CandidateSource`."""
        found = connection.execute(self._statement(connection, query, wanted, excluded)).all()
        if query.share == 1.0 and len(found) == wanted and max(row.distance for row in found) == 0.0:
            # The others share no code with the query either: the first of them by their ids are enough.
            found = connection.execute(self._statement(connection, query, wanted, excluded, by_id=True)).all()
        vectors = np.stack([row.vector for row in found]) if found else np.empty((0, self.dimension))
        ceiling = -np.inf if len(found) < wanted else _ceiling(query, max(row.distance for row in found))
        codes = None
        if query.reads_codes:
            predicted = np.array([row.codes_predicted for row in found], dtype=bool)
            codes = StoredCodes(code_rows([row.codes for row in found]), predicted)
        return Candidates([row.note_id for row in found], vectors, ceiling, codes)

    def _statement(
        self, connection: Connection, query: SearchQuery, wanted: int, excluded: Excluded, by_id: bool = False
    ) -> Select[Any]:
        """The rows in the order of their distance; ``by_id`` orders equal ones, which takes a join of all rows."""
        # Written into the statement: a plan for any embedding id could not use an index over one of them.
        own = Embedding.embedding_id == bindparam("embedding_id", self.embedding_id, literal_execute=True)
        columns = [Embedding.vector, *([Embedding.codes, Embedding.codes_predicted] if query.reads_codes else [])]
        distance = _distance(query).label("distance")
        ranked: Select[Any] = select(Embedding.note_id, *columns, distance).where(own).order_by(distance)
        if by_id:
            ranked = ranked.join(Note, Note.id == Embedding.note_id).order_by(collate(Note.note_id, "C"))
        # Looked up first: a subquery under NOT keeps the scan serial.
        left_out = repository.excluded_notes(connection, excluded.notes, excluded.subjects)
        if left_out:
            ranked = ranked.where(Embedding.note_id.not_in(left_out))
        rows = ranked.limit(wanted).subquery()
        kept = [rows.c[column.key] for column in columns]
        return select(Note.note_id, *kept, rows.c.distance).join(rows, Note.id == rows.c.note_id)


def _distance(query: SearchQuery) -> ColumnElement[float]:
    """What the rows are ordered by; the codes' part is at most 0, and 0 for a row that has none of the query's."""
    vector: Any = Embedding.vector
    text = vector.op("<=>", return_type=Float)(bindparam("query", query.text, type_=Embedding.vector.type))
    if not query.reads_codes:
        found: ColumnElement[float] = text
        return found
    column: Any = Embedding.codes
    product = column.op("<#>", return_type=Float)(bindparam("codes", query.codes, type_=Embedding.codes.type))
    codes = func.coalesce(product, 0.0)
    return codes if query.share == 1.0 else query.share * codes + (1.0 - query.share) * text


def _ceiling(query: SearchQuery, distance: float) -> float:
    """The highest similarity of a row whose distance is at least this."""
    if query.share == 1.0 and distance == 0.0:
        return -np.inf  # ordered by note_id from here on
    return (1.0 - query.share) - distance + SCAN_SLACK
