"""Databases filled with given vectors, without a coder."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Engine, insert

from app.database.column_types import VECTOR_TYPE
from app.database.engine import write
from app.database.tables import AssignedCode, Bundle, Embedding, Note, Patient
from model.code_vectors import CodeVector, CodeVectors

EMBEDDING_ID = "e" * 64
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def unit_rows(count: int, seed: int, dimension: int) -> np.ndarray:
    """(count, dimension) float32 random unit rows."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def random_codes(count: int, seed: int, columns: int = 40, most: int = 6) -> list[CodeVector | None]:
    """As many notes as their codes, of few and often the same ones; some have none, some are not written as codes."""
    random = np.random.default_rng(seed)
    weights = random.uniform(0.5, 3.0, size=columns).astype(np.float32)
    codes = CodeVectors(weights, 0.5)
    return [
        None
        if random.random() < 0.1
        else codes.assigned(random.integers(0, columns, size=random.integers(0, most + 1)))
        for _ in range(count)
    ]


def fill(
    engine: Engine,
    vectors: np.ndarray,
    names: Sequence[str] | None = None,
    embedding_id: str = EMBEDDING_ID,
    codes: Sequence[CodeVector | None] | None = None,
) -> None:
    """A note a vector: two splits, ten patients of whom "p0" is nobody, a code a note of five, a day each.

    Args:
        codes: each note as its codes; those of every third are predicted.
    """
    names = names or [f"n{place:05}" for place in range(len(vectors))]
    rows = vectors.astype(VECTOR_TYPE)
    with write(engine) as connection:
        connection.execute(
            insert(Bundle),
            {"bundle_id": "b" * 64, "embedding_id": embedding_id, "dimension": rows.shape[1], "created_at": FIRST},
        )
        connection.execute(insert(Patient), [{"id": number, "subject_id": f"p{number}"} for number in range(1, 10)])
        connection.execute(insert(Note), [_note(place, name) for place, name in enumerate(names)])
        assigned = [
            {"note_id": place + 1, "sequence": 1, "system": "icd9cm", "code": f"00{place % 5}.0", "title": ""}
            for place in range(len(names))
        ]
        connection.execute(insert(AssignedCode), assigned)
        embeddings = [
            {
                "note_id": place + 1,
                "embedding_id": embedding_id,
                "dimension": rows.shape[1],
                "vector": row,
                "codes": None if codes is None else codes[place],
                "codes_predicted": codes is not None and place % 3 == 0,
            }
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
