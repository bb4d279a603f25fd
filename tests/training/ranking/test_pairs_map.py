"""Average precision over ranked candidates equals scikit-learn's, with missed codes as gains that never come."""

import numpy as np
from sklearn.metrics import average_precision_score

from training.ranking.judged_pairs import JudgedPairs
from training.ranking.pairs_map import pairs_average_precision, pairs_map


def test_it_is_scikit_learns_on_distinct_scores() -> None:
    """Times the share of assigned codes that are candidates at all."""
    random = np.random.default_rng(0)
    sizes = random.integers(1, 30, 40)
    notes = np.repeat(np.arange(40), sizes)
    truth, scores = random.random(len(notes)) < 0.3, random.permutation(len(notes)).astype(float)
    missed = random.integers(0, 3, 40)
    columns = np.concatenate([np.arange(size) for size in sizes])
    pairs = JudgedPairs(notes, columns, truth, missed)
    found = pairs_average_precision(pairs, scores / len(notes), scores)
    for note in range(40):
        own, total = notes == note, pairs.totals[note]
        if total == 0:
            assert np.isnan(found[note])
        elif truth[own].any():
            wanted = average_precision_score(truth[own], scores[own]) * truth[own].sum() / total
            assert abs(found[note] - wanted) < 1e-12
        else:
            assert found[note] == 0
    interval = pairs_map(pairs, scores / len(notes), scores)
    assert interval is not None
    assert interval.value == np.nanmean(found)


def test_equal_probabilities_go_by_score_then_by_column() -> None:
    """As in the ranker's answer."""
    pairs = JudgedPairs(np.zeros(3, int), np.array([4, 7, 9]), np.array([False, True, False]), np.zeros(1, int))
    flat = np.full(3, 0.5)
    assert pairs_average_precision(pairs, flat, np.array([0.0, 2.0, 1.0]))[0] == 1
    assert pairs_average_precision(pairs, flat, np.zeros(3))[0] == 0.5
