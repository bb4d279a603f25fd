"""The measures against loops over sets."""

import math
from itertools import permutations

import numpy as np
import pytest

from training.retrieval.measures import RARE, Measures, measure
from training.retrieval.search import NONE, Neighbours

LABELS = 25


def random_rows(random: np.random.Generator, documents: int, share: float = 0.15) -> list[np.ndarray]:
    """Frequent codes first: the later columns are rare."""
    chances = share * np.linspace(3, 0.1, LABELS)
    return [np.flatnonzero(random.random(LABELS) < chances) for _ in range(documents)]


def neighbours_of(lists: list[list[int]], k: int = 10) -> Neighbours:
    indices = np.full((len(lists), k), NONE, dtype=np.int64)
    for row, chosen in enumerate(lists):
        indices[row, : len(chosen)] = chosen
    return Neighbours(indices, np.where(indices == NONE, 0.0, 0.5))


def weighted_jaccard(ours: set[int], theirs: set[int], train: list[set[int]]) -> float:
    def weight(codes: set[int]) -> float:
        counts = [sum(code in row for row in train) for code in codes]
        return sum(math.log((1 + len(train)) / (1 + count)) + 1 for count in counts)

    return weight(ours & theirs) / weight(ours | theirs) if ours & theirs else 0.0


def slow(
    query: set[int], subject: str, chosen: list[int], train: list[set[int]], patients: list[str]
) -> tuple[float, float, float]:
    """Jaccard, nDCG and rare recall of one query, set by set."""
    jaccard = (
        sum(len(query & train[index]) / len(query | train[index]) for index in chosen) / len(chosen)
        if query and chosen
        else math.nan
    )
    gains = [weighted_jaccard(query, row, train) for row in train]
    dcg = sum(gains[index] / math.log2(rank + 2) for rank, index in enumerate(chosen))
    allowed = sorted((gain for gain, patient in zip(gains, patients, strict=True) if patient != subject), reverse=True)
    ideal = sum(gain / math.log2(rank + 2) for rank, gain in enumerate(allowed[:10]))
    rare = {code for code in query if 1 <= sum(code in row for row in train) <= RARE}
    carried = {code for index in chosen for code in train[index]}
    return jaccard, dcg / ideal if ideal else math.nan, len(rare & carried) / len(rare) if rare else math.nan


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_loops_over_sets(seed: int) -> None:
    """With documents without codes, own patients, and fewer than ten neighbours for some."""
    random = np.random.default_rng(seed)
    train_rows, rows = random_rows(random, 60), random_rows(random, 30)
    rows[3] = train_rows[5] = np.zeros(0, dtype=np.int64)
    patients = [f"p{index}" for index in random.integers(20, size=60)]
    subjects = [f"p{index}" for index in random.integers(20, size=30)]
    lists = []
    for subject in subjects:
        allowed = [index for index in range(60) if patients[index] != subject]
        lists.append(random.permutation(allowed)[: random.integers(0, 11)].tolist())
    found = measure({"x": neighbours_of(lists)}, rows, subjects, train_rows, np.array(patients, dtype=object), LABELS)[
        "x"
    ]
    train = [set(row.tolist()) for row in train_rows]
    for query, chosen in enumerate(lists):
        expected = slow(set(rows[query].tolist()), subjects[query], chosen, train, patients)
        values = (found.jaccard[query], found.ndcg[query], found.rare_recall[query])
        assert values == pytest.approx(expected, nan_ok=True)
    assert np.isfinite(found.rare_recall).any()
    assert np.isnan(found.rare_recall).any()


def judged(rows: list[list[int]], train_rows: list[list[int]], chosen: list[list[int]]) -> Measures:
    """Three labels, every document of its own patient."""
    columns = [np.array(row, dtype=np.int64) for row in rows]
    train = [np.array(row, dtype=np.int64) for row in train_rows]
    subjects = [f"q{index}" for index in range(len(rows))]
    patients = np.array([f"t{index}" for index in range(len(train))], dtype=object)
    return measure({"x": neighbours_of(chosen)}, columns, subjects, train, patients, 3)["x"]


def test_the_best_order_has_ndcg_one_and_no_other_order_more() -> None:
    """All orders of four documents of different worth."""
    train = [[0], [0, 1], [0, 1, 2], [2]]
    reached = {order: judged([[0, 1, 2]], train, [list(order)]).ndcg[0] for order in permutations(range(4))}
    assert max(reached.values()) == pytest.approx(1.0)
    assert reached[2, 1, 3, 0] == pytest.approx(1.0)
    assert sorted(reached.values())[-2] < 1.0


def test_a_shared_rare_code_is_worth_more_than_a_shared_common_one() -> None:
    """Code 0 is on every training document, code 1 on one."""
    train = [[0], [0, 1], [0], [0]]
    query = [[0, 1, 2]]
    common, rare = judged(query, train, [[0]]), judged(query, [[0], [1], [0], [0]], [[1]])
    assert rare.ndcg[0] > common.ndcg[0]


def test_what_is_not_defined_is_nan_and_not_zero() -> None:
    """No codes; codes that no training document has; no rare code."""
    found = judged([[], [2], [0]], [[0]] * 12 + [[1]], [[0], [0], [0]])
    assert np.isnan(found.jaccard).tolist() == [True, False, False]
    assert np.isnan(found.ndcg).tolist() == [True, True, False]
    assert np.isnan(found.rare_recall).tolist() == [True, True, True]


def test_one_training_document() -> None:
    """Ten neighbours are wished for, one is there."""
    found = judged([[0, 1]], [[0]], [[0]])
    assert (found.jaccard[0], found.ndcg[0], found.rare_recall[0]) == (0.5, 1.0, 1.0)
