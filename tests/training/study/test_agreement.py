"""Neighbours and their labels, beside the slower search and measures of the retrieval report."""

import numpy as np
import torch

from tests.training.study.study_data import part
from training.retrieval.measures import measure
from training.retrieval.search import nearest
from training.study.agreement import neighbour_agreement


def unit(number: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(number, 6))), dim=1).numpy()


def test_jaccard_and_share_are_those_of_the_exact_search() -> None:
    """Own subjects left out, documents without labels undefined."""
    queries, train = part(50, seed=1, subjects=7), part(40, seed=2, subjects=7)
    ours, theirs = unit(50, 3), unit(40, 4)
    agreement = neighbour_agreement(queries, ours, train, theirs, 4, k=5)
    found = nearest(lambda a, b: ours[a:b] @ theirs.T, queries.subjects.tolist(), train.subjects, 5, "twin")
    twin = measure(
        {"twin": found}, queries.rows, queries.subjects.tolist(), train.rows, train.subjects, num_labels=4, k=5
    )["twin"]
    np.testing.assert_allclose(agreement["jaccard"], twin.jaccard)
    np.testing.assert_allclose(agreement["ndcg"], twin.ndcg)
    np.testing.assert_allclose(agreement["rare"], twin.rare_recall)
    for query, columns in enumerate(queries.rows):
        shared = [bool(set(columns) & set(train.rows[index])) for index in found.of(query, 5)[0]]
        np.testing.assert_allclose(agreement["share"][query], np.mean(shared) if len(columns) else np.nan)


def test_a_query_without_a_neighbour_is_undefined() -> None:
    """All training documents are of its own subject."""
    queries, train = part(5, seed=1, subjects=1), part(3, seed=2, subjects=1)
    found = neighbour_agreement(queries, unit(5, 3), train, unit(3, 4), 4)
    assert sorted(found) == ["jaccard", "ndcg", "rare", "share"]
    for name in ("jaccard", "share", "ndcg"):
        assert np.isnan(found[name]).all()
