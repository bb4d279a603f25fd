"""Relations and factors against plain Python sets, over all pairs of subsets of four codes."""

from fractions import Fraction
from itertools import product

import torch

from model.losses.relations import Relation, dissimilarity_factor, relation, similarity_factor

SUBSETS = torch.tensor(list(product([0, 1], repeat=4)))


def sets() -> list[set[int]]:
    return [{column for column, member in enumerate(row) if member} for row in SUBSETS.tolist()]


def expected_relation(s: set[int], t: set[int]) -> Relation:
    if not s & t:
        return Relation.DISJOINT
    if s == t:
        return Relation.EQUAL
    if t < s:
        return Relation.SUBSET
    return Relation.SUPERSET if s < t else Relation.PARTIAL


def test_relations_and_factors_equal_their_set_definitions() -> None:
    """256 pairs; factors compared with exact fractions."""
    found = relation(SUBSETS, SUBSETS)
    similarity, dissimilarity = similarity_factor(SUBSETS, SUBSETS), dissimilarity_factor(SUBSETS, SUBSETS)
    for i, s in enumerate(sets()):
        for j, t in enumerate(sets()):
            assert found[i, j] == expected_relation(s, t)
            exact = Fraction(len(s & t), len(s)) if s else Fraction(0)
            assert similarity[i, j].item() == float(torch.tensor(float(exact)))
            assert dissimilarity[i, j].item() == float(torch.tensor(1 / (1 + len(t - s))))


def test_weight_is_one_exactly_for_equal_sets_and_zero_exactly_for_disjoint_ones() -> None:
    """Property 1 of the weight K."""
    weight = similarity_factor(SUBSETS, SUBSETS) * dissimilarity_factor(SUBSETS, SUBSETS)
    found = relation(SUBSETS, SUBSETS)
    assert ((weight == 1) == (found == Relation.EQUAL)).all()
    assert ((weight == 0) == (found == Relation.DISJOINT)).all()
    assert (weight[found == Relation.PARTIAL] < 0.5).all()
    assert (weight[found == Relation.SUPERSET] <= 0.5).all()
