"""Properties 1 to 4 of the weight K and its two factors, as exact fractions, over any two label sets."""

from fractions import Fraction
from itertools import product

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from model.label_sets import LabelSets
from model.losses import SimilarityDissimilarityLoss
from model.losses.pairs import make_pairs
from model.losses.relations import Relation, dissimilarity_factor, relation, similarity_factor

LABELS = 12
Set = frozenset[int]
any_set = st.frozensets(st.integers(0, LABELS - 1))
some_set = st.frozensets(st.integers(0, LABELS - 1), min_size=1)


def index_list(members: Set) -> LabelSets:
    return LabelSets.from_rows([sorted(members)], LABELS)


def exact(value: torch.Tensor) -> Fraction:
    """The fraction of two small whole numbers that was computed in floating point."""
    return Fraction(value.item()).limit_denominator((LABELS + 1) ** 2)


def weight(s: Set, t: Set) -> Fraction:
    """K as the loss uses it."""
    pairs = make_pairs(index_list(s), index_list(t), None, torch.float64)
    return exact(SimilarityDissimilarityLoss().pair_weights(pairs))


def similarity(s: Set, t: Set) -> Fraction:
    return exact(similarity_factor(index_list(s), index_list(t)))


def dissimilarity(s: Set, t: Set) -> Fraction:
    return exact(dissimilarity_factor(index_list(s), index_list(t)))


def related(s: Set, t: Set) -> Relation:
    return Relation(int(relation(index_list(s), index_list(t))))


def test_all_pairs_of_subsets_of_five_labels_have_the_weight_of_the_definition() -> None:
    """1,024 pairs in one batch, the empty set among them."""
    subsets = torch.tensor(list(product([0, 1], repeat=5)))
    sets = LabelSets.from_multi_hot(subsets)
    found = SimilarityDissimilarityLoss().pair_weights(make_pairs(sets, sets, None, torch.float64))
    members = [frozenset(row.nonzero()[:, 0].tolist()) for row in subsets]
    for i, s in enumerate(members):
        for j, t in enumerate(members):
            expected = Fraction(len(s & t), len(s)) / (1 + len(t - s)) if s else Fraction(0)
            assert exact(found[i, j]) == expected


@given(any_set)
def test_an_empty_set_is_disjoint_from_everything(other: Set) -> None:
    """Property 1: itself included, with K = 0 on either side."""
    for s, t in ((frozenset(), other), (other, frozenset())):
        assert related(s, t) == Relation.DISJOINT
        assert weight(s, t) == 0


@given(some_set, some_set)
def test_the_weight_lies_between_zero_for_disjoint_and_one_for_equal_sets(s: Set, t: Set) -> None:
    """Property 1: 0 <= K <= 1, 0 if and only if disjoint, 1 if and only if equal."""
    assert 0 <= weight(s, t) <= 1
    assert (weight(s, t) == 0) == (not s & t)
    assert (weight(s, t) == 1) == (s == t)
    assert weight(s, s) == 1


@given(some_set, some_set)
def test_a_factor_is_one_exactly_for_containment(s: Set, t: Set) -> None:
    """Property 1: K^s = 1 iff S <= T, K^d = 1 iff T <= S, and K is their product."""
    for a, b in ((s, t), (s, s | t), (s | t, t)):
        assert (similarity(a, b) == 1) == (a <= b)
        assert (dissimilarity(a, b) == 1) == (b <= a)
        assert weight(a, b) == similarity(a, b) * dissimilarity(a, b)


@given(some_set, some_set)
def test_partial_overlap_weighs_less_than_a_half(s: Set, t: Set) -> None:
    """Property 2: 0 < K <= (|S| - 1) / (2 |S|) < 1/2."""
    assume(s & t and s - t and t - s)
    assert related(s, t) == Relation.PARTIAL
    assert 0 < weight(s, t) <= Fraction(len(s) - 1, 2 * len(s)) < Fraction(1, 2)


@given(some_set, some_set)
def test_a_superset_weighs_by_its_foreign_labels_alone(s: Set, foreign: Set) -> None:
    """Property 2: K = 1 / (1 + |T| - |S|) <= 1/2."""
    t = s | foreign
    assume(t != s)
    assert related(s, t) == Relation.SUPERSET
    assert weight(s, t) == Fraction(1, 1 + len(t) - len(s)) <= Fraction(1, 2)


@given(some_set, some_set)
def test_a_subset_weighs_by_its_share(t: Set, rest: Set) -> None:
    """Property 2: K = |T| / |S|."""
    s = t | rest
    assume(s != t)
    assert related(s, t) == Relation.SUBSET
    assert weight(s, t) == Fraction(len(t), len(s))


def test_the_relations_have_no_total_order() -> None:
    """Property 2: a partial overlap can outweigh a subset."""
    s = frozenset(range(10))
    assert weight(s, frozenset([*range(9), 11])) == Fraction(9, 20)
    assert weight(s, frozenset([0])) == Fraction(1, 10)


@given(some_set, some_set)
def test_one_more_shared_label_weighs_more(s: Set, t: Set) -> None:
    """Property 3: strictly up in |S & T| with |S| and |T - S| as they are."""
    for label in s - t:
        assert weight(s, t | {label}) > weight(s, t)


@given(some_set, some_set)
def test_one_more_foreign_label_weighs_less(s: Set, t: Set) -> None:
    """Property 3: strictly down in |T - S| with |S| and |S & T| as they are."""
    assume(s & t)
    for label in frozenset(range(LABELS)) - s - t:
        assert weight(s, t | {label}) < weight(s, t)


@given(some_set, st.randoms(use_true_random=False))
def test_sets_of_one_size_weigh_alike_from_either_side(s: Set, random: object) -> None:
    """Property 4: K(S, T) = K(T, S) when |S| = |T|."""
    t = frozenset(random.sample(range(LABELS), len(s)))  # type: ignore[attr-defined]
    assert weight(s, t) == weight(t, s)


def test_sets_of_unlike_size_weigh_otherwise_from_the_other_side() -> None:
    """Property 4: asymmetric in general, as between a pair of labels and two more."""
    assert weight(frozenset([0, 1]), frozenset([0, 1, 2, 3])) == Fraction(1, 3)
    assert weight(frozenset([0, 1, 2, 3]), frozenset([0, 1])) == Fraction(1, 2)


@given(some_set, some_set)
def test_the_weight_is_at_most_the_jaccard_similarity(s: Set, t: Set) -> None:
    """Property 4: on overlap equal if and only if T <= S or |S| = 1."""
    similarity_of_sets = Fraction(len(s & t), len(s | t))
    assert weight(s, t) <= similarity_of_sets
    if s & t:
        assert (weight(s, t) == similarity_of_sets) == (t <= s or len(s) == 1)
