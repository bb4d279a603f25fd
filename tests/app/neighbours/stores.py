"""Databases filled with given vectors, without a coder."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Engine, insert

from app.database.column_types import VECTOR_TYPE
from app.database.engine import write
from app.database.tables import AssignedCode, Bundle, Embedding, Note, Patient

EMBEDDING_ID = "e" * 64
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def unit_rows(count: int, seed: int, dimension: int) -> np.ndarray:
    """(count, dimension) float32 random unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def fill(
    engine: Engine, vectors: np.ndarray, names: Sequence[str] | None = None, embedding_id: str = EMBEDDING_ID
) -> None:
    """A note a vector: two splits, ten patients of whom "p0" is nobody, a code a note of five, a day each."""
    names = names or [f"n{place:05}" for place in range(len(vectors))]
    rows = vectors.astype(VECTOR_TYPE)
    with write(engine) as connection:
        connection.execute(
            insert(Bundle),
            {"bundle_id": "b" * 64, "embedding_id": embedding_id, "dimension": rows.shape[1], "created_at": FIRST},
        )
        connection.execute(insert(Patient), [{"id": number, "subject_id": f"p{number}"} for number in range(1, 10)])
        connection.execute(insert(Note), [_note(place, name) for place, name in enumerate(names)])
        codes = [
            {"note_id": place + 1, "sequence": 1, "system": "icd9cm", "code": f"00{place % 5}.0", "title": ""}
            for place in range(len(names))
        ]
        connection.execute(insert(AssignedCode), codes)
        embeddings = [
            {"note_id": place + 1, "embedding_id": embedding_id, "dimension": rows.shape[1], "vector": row}
            for place, row in enumerate(rows)
        ]
        connection.execute(insert(Embedding), embeddings)


def _note(place: int, name: str) -> dict[str, object]:
    return {
        "id": place + 1,
        "note_id": name,
        "patient_id": place % 10 or None,
        "split": ("train", "dev")[place % 2],
        "source": "test",
        "text": None,
        "text_hash": "0" * 64,
        "stored_at": FIRST + timedelta(days=place % 30) if place % 7 else None,
    }
