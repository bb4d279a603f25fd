"""Exact neighbours among the training documents, without the query's patient."""

import numpy as np
import pytest

from training.retrieval import search
from training.retrieval.search import NONE, nearest


def subjects(*names: str) -> np.ndarray:
    return np.array(names, dtype=object)


@pytest.mark.parametrize("cells", [1, 50, 10_000])
@pytest.mark.parametrize("k", [1, 7, 40])
def test_equal_to_sorting_every_pair(k: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties by place, patients left out, whatever the block."""
    monkeypatch.setattr(search, "BLOCK_CELLS", cells)
    random = np.random.default_rng(k)
    similarity = np.round(random.uniform(-1, 1, size=(9, 30)), 1)
    patients = [f"p{index}" for index in random.integers(6, size=30)]
    queries = [f"p{index}" for index in random.integers(6, size=9)]
    found = nearest(lambda start, stop: similarity[start:stop], queries, subjects(*patients), k, "search")
    for query in range(9):
        allowed = [index for index in range(30) if patients[index] != queries[query]]
        expected = sorted(allowed, key=lambda index, query=query: (-similarity[query, index], index))[:k]
        indices, values = found.of(query, k)
        assert indices.tolist() == expected
        assert values.tolist() == [similarity[query, index] for index in expected]


def test_the_same_patient_is_never_a_neighbour() -> None:
    """However similar; and a patient without another document has none at all."""
    found = nearest(lambda *_: np.array([[1.0, 0.2]]), ["p1"], subjects("p1", "p2"), 5, "search")
    assert found.indices.tolist() == [[1, NONE, NONE, NONE, NONE]]
    alone = nearest(lambda *_: np.array([[1.0, 0.2]]), ["p1"], subjects("p1", "p1"), 5, "search")
    assert len(alone.of(0, 5)[0]) == 0


def test_an_unknown_patient_excludes_nobody() -> None:
    """An empty subject is not one patient."""
    found = nearest(lambda *_: np.array([[1.0, 0.2]]), [""], subjects("", ""), 2, "search")
    assert found.indices.tolist() == [[0, 1]]


def test_no_query_no_neighbours() -> None:
    """An empty split of queries."""
    assert nearest(lambda *_: np.zeros((0, 2)), [], subjects("a", "b"), 2, "search").indices.shape == (0, 2)
