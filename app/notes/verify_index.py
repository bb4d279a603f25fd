"""Checks the stored notes: every row is complete, every vector is a unit row, and the search finds every row."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, Engine

from app.database.engine import is_sqlite, read, require_current
from app.neighbours import repository
from app.neighbours.index import candidate_source
from app.neighbours.search import Excluded, SearchQuery, search
from app.notes import verify_repository as queries
from app.notes.rebuilding import hash_text
from app.notes.repository import hash_key
from model.progress import with_progress

NORM_TOLERANCE = 1e-2
"""Rounding to float16 moves a norm by about 1e-4."""
SELF_SIMILARITY = 0.999
NAMED = 5
"""Notes that a problem names at most."""


@dataclass
class Verification:
    """Numbers of rows, and the problems that were found."""

    notes: int = 0
    embeddings: dict[str, int] = field(default_factory=dict)
    """Rows by embedding id."""
    searched: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, what: str, notes: list[str]) -> None:
        """A problem of some notes, by their ids."""
        if notes:
            more = ", ..." if len(notes) > NAMED else ""
            self.problems.append(f"{what}: {len(notes)} ({', '.join(sorted(notes)[:NAMED])}{more})")


def verify_index(engine: Engine, sample: int | None = 1000) -> Verification:
    """Check every row, and let a sample of the rows (all for None) search for themselves.

    Raises:
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database cannot be read.
    """
    require_current(engine)
    found = Verification()
    with read(engine) as connection:
        if is_sqlite(engine):
            _check_file(connection, found)
        _check_rows(connection, found)
        _check_texts(connection, found)
        for embedding_id, dimension in sorted(_dimensions(connection, found).items()):
            if _check_vectors(connection, embedding_id, dimension, found):
                _check_search(connection, embedding_id, dimension, sample, found)
    return found


def _check_file(connection: Connection, found: Verification) -> None:
    if queries.file_is_damaged(connection):
        found.problems.append("SQLite's integrity_check finds damage: restore a backup")
    broken = queries.broken_references(connection)
    if broken:
        found.problems.append(f"rows that refer to nothing: {len(broken)} (in {', '.join(sorted(set(broken)))})")


def _check_rows(connection: Connection, found: Verification) -> None:
    found.notes = queries.count_notes(connection)
    found.add("notes without an embedding", queries.notes_without_embedding(connection))
    found.add("code lists with gaps", queries.notes_with_gaps_in_codes(connection))
    found.add("codings with gaps", queries.notes_with_gaps_in_codings(connection))


def _check_texts(connection: Connection, found: Verification) -> None:
    key = hash_key(connection)
    stored = queries.stored_texts(connection)
    wrong = [note.note_id for note in stored if hash_text(key, note.text) != note.text_hash]
    found.add("texts that differ from their hash", wrong)


def _dimensions(connection: Connection, found: Verification) -> dict[str, int]:
    """Dimensions by embedding id; problems where bundles disagree or none has made the rows."""
    known = queries.bundle_dimensions(connection)
    for embedding_id in queries.embedding_ids(connection):
        if embedding_id not in known:
            found.problems.append(f"embeddings of {embedding_id[:12]}, which no bundle has indexed")
    for embedding_id, dimensions in known.items():
        if len(dimensions) > 1:
            found.problems.append(
                f"bundles that disagree on the dimension of {embedding_id[:12]}: {sorted(dimensions)}"
            )
    return {embedding_id: min(dimensions) for embedding_id, dimensions in known.items()}


def _check_vectors(connection: Connection, embedding_id: str, dimension: int, found: Verification) -> bool:
    """Dimension, numbers and length of every vector; whether they can be searched."""
    wrong: dict[str, list[str]] = {"dimension": [], "value": [], "length": []}
    count = 0
    for note_id, stated, vector in queries.stored_vectors(connection, embedding_id):
        count += 1
        if not len(vector) == stated == dimension:
            wrong["dimension"].append(note_id)
        elif not np.isfinite(vector).all():
            wrong["value"].append(note_id)
        elif abs(np.linalg.norm(vector.astype(np.float64)) - 1.0) > NORM_TOLERANCE:
            wrong["length"].append(note_id)
    found.embeddings[embedding_id] = count
    short = embedding_id[:12]
    found.add(f"embeddings of {short} with another dimension than {dimension}", wrong["dimension"])
    found.add(f"embeddings of {short} that hold no number", wrong["value"])
    found.add(f"embeddings of {short} that are no unit row", wrong["length"])
    return count > 0 and not any(wrong.values())


def _check_search(
    connection: Connection, embedding_id: str, dimension: int, sample: int | None, found: Verification
) -> None:
    source = candidate_source(connection.engine, embedding_id, dimension)
    lost = []
    for note_id, vector in with_progress(_sampled(connection, embedding_id, sample), "search", unit="note"):
        hits = search(source, connection, SearchQuery(vector), 1, Excluded())
        found.searched += 1
        if not hits or hits[0].similarity < SELF_SIMILARITY:
            lost.append(note_id)
    found.add(f"embeddings of {embedding_id[:12]} that do not find themselves", lost)


def _sampled(connection: Connection, embedding_id: str, sample: int | None) -> Iterator[tuple[str, np.ndarray]]:
    rows = repository.embedding_rows(connection, embedding_id, repository.highest_embedding(connection, embedding_id))
    if sample is not None and sample < len(rows):
        rows = rows[np.linspace(0, len(rows) - 1, sample).round().astype(int)]
    for row in rows.tolist():
        yield queries.vector_in_row(connection, row)
