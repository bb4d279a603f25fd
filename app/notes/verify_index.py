"""Checks the stored notes: every row is complete, every vector is a unit row, and the search finds every row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, Engine

from app.database.column_types import are_codes
from app.database.engine import is_sqlite, read, require_current
from app.inference.worker import Coder
from app.neighbours import repository
from app.neighbours.index import candidate_source, require_embedding
from app.neighbours.search import Excluded, SearchQuery, search
from app.notes import verify_repository as queries
from app.notes.rebuilding import hash_text
from app.notes.repository import hash_key
from model.code_vectors import CodeVector
from model.icd import Code
from model.progress import with_progress

NORM_TOLERANCE = 1e-2
"""Rounding to float16 moves a norm by about 1e-4."""
CODES_TOLERANCE = 1e-5
"""Of values in float32."""
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


def verify_index(engine: Engine, sample: int | None = 1000, coder: Coder | None = None) -> Verification:
    """Check every row, and let a sample of the rows (all for None) search for themselves.

    Args:
        coder: of the bundle whose embeddings are stored: their codes are compared with the assigned ones.

    Raises:
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database cannot be read.
        EmbeddingMismatch: it holds no embeddings of this coder.
    """
    require_current(engine)
    if coder is not None:
        require_embedding(engine, coder.embedding_id, coder.embedding_dim)
    found = Verification()
    with read(engine) as connection:
        if is_sqlite(engine):
            _check_file(connection, found)
        _check_rows(connection, found)
        _check_texts(connection, found)
        for embedding_id, dimension in sorted(_dimensions(connection, found).items()):
            are_codes_sound = _check_codes(connection, embedding_id, coder, found)
            if _check_vectors(connection, embedding_id, dimension, found) and are_codes_sound:
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


def _check_codes(connection: Connection, embedding_id: str, coder: Coder | None, found: Verification) -> bool:
    """Every note as its codes: a sparse unit row or an empty one, of the assigned codes where there are any.

    Returns:
        Whether they can be searched.
    """
    wrong: dict[str, list[str]] = {"row": [], "source": [], "absent": [], "other": []}
    own = coder if coder is not None and coder.embedding_id == embedding_id else None
    for note in queries.stored_codes(connection, embedding_id):
        if note.vector is None:
            if note.predicted or (own is not None and own.code_vectors is not None):
                wrong["absent"].append(note.note_id)
        elif not _is_unit(note.vector):
            wrong["row"].append(note.note_id)
        elif note.predicted == bool(note.assigned):
            wrong["source"].append(note.note_id)
        elif own is not None and note.assigned and not _is_of(note.vector, note.assigned, own):
            wrong["other"].append(note.note_id)
    short = embedding_id[:12]
    found.add(f"notes of {short} that are not written as codes", wrong["absent"])
    found.add(f"codes of {short} that are no sparse unit row", wrong["row"])
    found.add(f"codes of {short} that are predicted beside assigned ones, or neither", wrong["source"])
    found.add(f"codes of {short} that are not the assigned ones", wrong["other"])
    return not wrong["row"]


def _is_unit(codes: CodeVector) -> bool:
    length = float(np.linalg.norm(codes.values.astype(np.float64)))
    return are_codes(codes) and (len(codes) == 0 or abs(length - 1.0) <= CODES_TOLERANCE)


def _is_of(codes: CodeVector, assigned: Sequence[Code], coder: Coder) -> bool:
    """Whether these are the assigned codes in the bundle's weights."""
    if coder.code_vectors is None:
        return False
    expected = coder.code_vectors.assigned(coder.codes.columns(assigned))
    if not np.array_equal(codes.columns, expected.columns):
        return False
    return bool(np.abs(codes.values - expected.values).max(initial=0.0) <= CODES_TOLERANCE)


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
