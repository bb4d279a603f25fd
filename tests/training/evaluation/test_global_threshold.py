"""The tuned global threshold."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model.errors import EmptyDataset
from training.evaluation.global_threshold import GRID, best_global_threshold


def test_equals_a_scan_of_the_grid(split):
    """The same value as scoring every grid point with scikit-learn, the lowest of the best."""
    f1 = [f1_score(split.truth, (split.scores > value).astype(int), average="micro", zero_division=0) for value in GRID]
    assert best_global_threshold(split.scores, split.rows) == GRID[int(np.argmax(np.round(f1, 12)))]


def test_scores_on_the_grid_are_compared_strictly():
    """Scores that lie on grid values, in float64, are not selected by their own value."""
    scores = np.array([[GRID[40], GRID[60]]])
    assert best_global_threshold(scores, [np.array([1])]) == GRID[40]


def test_ties_take_the_lowest():
    """Every threshold below 0.5 is perfect: the lowest, 0, is taken."""
    assert best_global_threshold(np.array([[0.5, 0.0]], dtype=np.float32), [np.array([0])]) == 0.0


def test_codes_outside_the_label_space_move_the_balance():
    """Missed codes weigh on F1 whatever is selected, so selecting a doubtful code can pay."""
    scores = np.array([[0.9, 0.5, 0.5, 0.5, 0.5, 0.1]])
    rows = [np.array([0, 1])]
    assert best_global_threshold(scores, rows) == pytest.approx(0.5051, abs=1e-4)
    assert best_global_threshold(scores, rows, np.array([20])) == pytest.approx(0.1010, abs=1e-4)


def test_no_positive_has_no_threshold():
    """Without an assigned code there is nothing to tune on, and the message says what to do."""
    with pytest.raises(EmptyDataset, match="dev split"):
        best_global_threshold(np.zeros((2, 3)), [np.array([], dtype=np.int64)] * 2)
