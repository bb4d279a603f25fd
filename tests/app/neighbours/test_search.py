"""Exact search against a slow twin in float64."""

import math

import numpy as np
import pytest

from app.neighbours.repository import Generation
from app.neighbours.search import Filters, Hit, search
from app.neighbours.snapshot import Snapshot, build_snapshot, encode_vector
from model.errors import MalformedInput

DIMENSION = 24


def snapshot_of(vectors: np.ndarray, names: list[str] | None = None) -> Snapshot:
    names = names or [f"n{row:04}" for row in range(len(vectors))]
    rows = [
        (name, ("train", "dev")[row % 2], f"p{row % 10}", encode_vector(vector))
        for row, (name, vector) in enumerate(zip(names, vectors, strict=True))
    ]
    return build_snapshot(rows, Generation(len(rows), len(rows)), DIMENSION)


def unit_rows(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def slow_search(snapshot: Snapshot, query: np.ndarray, k: int, filters: Filters) -> list[Hit]:
    """Every row in Python floats, then a sort."""
    hits = []
    for row, note_id in enumerate(snapshot.note_ids):
        if snapshot.subject_ids[row] in filters.exclude_subjects or note_id in filters.exclude_notes:
            continue
        if filters.splits is not None and snapshot.splits[row] not in filters.splits:
            continue
        a, b = snapshot.matrix[row].tolist(), query.tolist()
        cosine = math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(
            math.fsum(x * x for x in a) * math.fsum(y * y for y in b)
        )
        hits.append(Hit(str(note_id), cosine))
    return sorted(hits, key=lambda hit: (-round(hit.similarity, 12), hit.note_id))[:k]


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(exclude_subjects=frozenset({"p1", "p3"})),
        Filters(exclude_notes=frozenset({"n0000", "n0007", "absent"})),
        Filters(splits=frozenset({"dev"})),
        Filters(frozenset({"p2"}), frozenset({"n0003"}), frozenset({"train"})),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_search_equals_the_slow_twin(seed: int, filters: Filters) -> None:
    """Same notes, same order, similarities within rounding, whatever the filters."""
    snapshot = snapshot_of(unit_rows(300, seed))
    query = unit_rows(1, seed + 100)[0]
    found = search(snapshot, query, 12, filters)
    expected = slow_search(snapshot, query, 12, filters)
    assert [hit.note_id for hit in found] == [hit.note_id for hit in expected]
    assert [hit.similarity for hit in found] == pytest.approx([hit.similarity for hit in expected], abs=1e-12)


def test_equal_notes_are_ordered_by_id() -> None:
    """Also when there are more of them than candidates."""
    vectors = np.repeat(unit_rows(1, 5), 200, axis=0)
    names = [f"n{place:04}" for place in np.random.default_rng(1).permutation(200)]
    found = search(snapshot_of(vectors, names), vectors[0], 5, Filters())
    assert [hit.note_id for hit in found] == ["n0000", "n0001", "n0002", "n0003", "n0004"]
    assert len({hit.similarity for hit in found}) == 1


def test_every_row_finds_itself() -> None:
    """At rank 1 with similarity 0.999, after rounding to float16."""
    vectors = unit_rows(500, 7)
    snapshot = snapshot_of(vectors)
    for row in range(0, 500, 25):
        best = search(snapshot, vectors[row], 1, Filters())[0]
        assert best.note_id == f"n{row:04}"
        assert best.similarity >= 0.999


@pytest.mark.parametrize(("count", "k"), [(0, 5), (3, 5), (3, 0)])
def test_fewer_notes_than_asked(count: int, k: int) -> None:
    """An empty or small database answers with what it has."""
    vectors = unit_rows(count, 3) if count else np.zeros((0, DIMENSION), dtype=np.float32)
    assert len(search(snapshot_of(vectors), unit_rows(1, 4)[0], k, Filters())) == min(count, k)


def test_the_scale_of_the_query_does_not_matter() -> None:
    """Cosine, not inner product."""
    snapshot = snapshot_of(unit_rows(50, 8))
    query = unit_rows(1, 9)[0]
    names = [[hit.note_id for hit in search(snapshot, scale * query, 5, Filters())] for scale in (1, 1e-3, 1e3)]
    assert names[0] == names[1] == names[2]


def test_a_snapshot_cannot_be_changed() -> None:
    """Threads share it."""
    snapshot = snapshot_of(unit_rows(5, 1))
    with pytest.raises(ValueError, match="read-only"):
        snapshot.matrix[0, 0] = 1.0


def test_a_vector_of_another_dimension_is_named() -> None:
    """A damaged row is not searched."""
    with pytest.raises(MalformedInput, match="'n1' has 4 bytes, expected 48"):
        build_snapshot([("n1", "train", None, b"0000")], Generation(1, 1), DIMENSION)
