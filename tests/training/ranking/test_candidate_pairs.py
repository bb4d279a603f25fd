"""Judged pairs and folds of notes."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from model.errors import EmptyDataset
from training.ranking.candidate_pairs import (
    CandidatePairs,
    note_folds,
    pairs_average_precision,
    pairs_map,
    pairs_of_matrix,
)


def test_a_matrix_has_every_pair() -> None:
    """In the order of a flattened matrix; codes outside are missed."""
    pairs = pairs_of_matrix([np.array([1]), np.array([], dtype=np.int64)], 3, np.array([2, 0]))
    assert pairs.notes.tolist() == [0, 0, 0, 1, 1, 1]
    assert pairs.columns.tolist() == [0, 1, 2, 0, 1, 2]
    assert np.flatnonzero(pairs.truth).tolist() == [1]
    assert pairs.totals.tolist() == [3, 0]


def test_some_notes_are_counted_anew() -> None:
    """Notes keep their order."""
    pairs = CandidatePairs(
        np.array([0, 1, 2, 2]), np.array([5, 6, 7, 8]), np.array([True, False, True, True]), np.arange(3)
    )
    some = pairs.some(np.array([True, False, True]))
    assert (some.notes.tolist(), some.columns.tolist()) == ([0, 1, 1], [5, 7, 8])
    assert (some.missed.tolist(), some.totals.tolist()) == ([0, 2], [1, 4])


def test_folds_keep_a_patient_whole() -> None:
    """Notes without a patient stand alone; the same seed makes the same folds."""
    subjects = ["a", "b", "a", "", "", "c", "b"]
    folds = note_folds(subjects, 3, seed=1)
    assert folds[0] == folds[2]
    assert folds[1] == folds[6]
    assert folds.tolist() == note_folds(subjects, 3, seed=1).tolist()
    assert set(note_folds(["a", "b", "", "", "c"], 5).tolist()) == {0, 1, 2, 3, 4}


def test_one_patient_cannot_be_split() -> None:
    """The message says what is needed."""
    with pytest.raises(EmptyDataset, match="two patients"):
        note_folds(["a", "a"])


def test_it_is_scikit_learns_on_distinct_scores() -> None:
    """Times the share of assigned codes that are candidates at all."""
    random = np.random.default_rng(0)
    sizes = random.integers(1, 30, 40)
    notes = np.repeat(np.arange(40), sizes)
    truth, scores = random.random(len(notes)) < 0.3, random.permutation(len(notes)).astype(float)
    missed = random.integers(0, 3, 40)
    columns = np.concatenate([np.arange(size) for size in sizes])
    pairs = CandidatePairs(notes, columns, truth, missed)
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
    pairs = CandidatePairs(np.zeros(3, int), np.array([4, 7, 9]), np.array([False, True, False]), np.zeros(1, int))
    flat = np.full(3, 0.5)
    assert pairs_average_precision(pairs, flat, np.array([0.0, 2.0, 1.0]))[0] == 1
    assert pairs_average_precision(pairs, flat, np.zeros(3))[0] == 0.5
