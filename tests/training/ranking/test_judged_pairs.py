"""Judged pairs and folds of notes."""

import numpy as np
import pytest

from model.errors import EmptyDataset
from training.ranking.judged_pairs import JudgedPairs, note_folds, pairs_of_matrix


def test_a_matrix_has_every_pair() -> None:
    """In the order of a flattened matrix; codes outside are missed."""
    pairs = pairs_of_matrix([np.array([1]), np.array([], dtype=np.int64)], 3, np.array([2, 0]))
    assert pairs.notes.tolist() == [0, 0, 0, 1, 1, 1]
    assert pairs.columns.tolist() == [0, 1, 2, 0, 1, 2]
    assert np.flatnonzero(pairs.truth).tolist() == [1]
    assert pairs.totals.tolist() == [3, 0]


def test_some_notes_are_counted_anew() -> None:
    """Notes keep their order."""
    pairs = JudgedPairs(
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
