"""Gold pairs and the check of score matrices."""

import numpy as np
import pytest

from training.evaluation.gold import Gold
from training.evaluation.score_matrix import checked_scores


def test_pairs_are_sorted_and_distinct():
    """Unsorted and repeated columns become sorted distinct pairs."""
    gold = Gold.from_rows([np.array([3, 1, 3]), np.array([], dtype=np.int64), np.array([0])], 4)
    assert gold.rows.tolist() == [0, 0, 2]
    assert gold.columns.tolist() == [1, 3, 0]
    assert gold.offsets.tolist() == [0, 2, 2, 3]
    assert gold.present.tolist() == [0, 1, 3]


@pytest.mark.parametrize("column", [-1, 4])
def test_column_outside_the_label_space_is_refused(column):
    """A column that the label space lacks is an error, not a silent miss."""
    with pytest.raises(ValueError, match="positives"):
        Gold.from_rows([np.array([column])], 4)


@pytest.mark.parametrize("extra", [np.array([1]), np.array([0, -1])])
def test_bad_extra_positives_are_refused(extra):
    """extra_positives needs one count from 0 up for each document."""
    with pytest.raises(ValueError, match="extra_positives"):
        Gold.from_rows([np.array([0]), np.array([1])], 4, extra)


def test_nan_is_refused_with_its_place():
    """A NaN score is named with its document and column."""
    scores = np.zeros((3, 4), dtype=np.float32)
    scores[2, 1] = np.nan
    gold = Gold.from_rows([np.array([0])] * 3, 4)
    with pytest.raises(ValueError, match="scores holds NaN, first at document 2, column 1"):
        checked_scores(scores, gold)


def test_wrong_shape_is_refused():
    """A matrix of another label space is named with both shapes."""
    with pytest.raises(ValueError, match=r"scores has the shape \(1, 5\)"):
        checked_scores(np.zeros((1, 5)), Gold.from_rows([np.array([0])], 4))


def test_whole_numbers_become_floats():
    """Integer votes are scores too."""
    checked = checked_scores(np.array([[1, 0]]), Gold.from_rows([np.array([0])], 2))
    assert checked.dtype == np.float64
