"""Both code populations."""

import numpy as np
import pytest

from training.evaluation.gold import Gold
from training.evaluation.populations import population_metrics, populations


def test_present_equals_all_on_a_matrix_without_absent_codes(split):
    """`present` is what `all` gives when the absent columns are cut out of the matrix."""
    gold = split.gold
    both = population_metrics(split.scores, gold, populations(split.scores, gold, 0.6))
    cut = np.ascontiguousarray(split.scores[:, gold.present])
    part = Gold.from_rows([np.flatnonzero(line) for line in split.truth[:, gold.present]], gold.present.size)
    alone = population_metrics(cut, part, populations(cut, part, 0.6))
    assert both["present"] == pytest.approx(alone["all"], abs=1e-12)
    assert both["all"]["map"] < both["present"]["map"]
    assert both["all"]["micro_f1"] < both["present"]["micro_f1"]
    assert both["all"]["macro_f1_present"] == both["present"]["macro_f1_present"]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 0), (2, 3), (2, 1)])
def test_nothing_assigned_never_crashes(shape):
    """No document, no labels, one label: every metric is a plain number or None."""
    gold = Gold.from_rows([np.array([], dtype=np.int64)] * shape[0], shape[1])
    scores = np.zeros(shape, dtype=np.float32)
    for metrics in population_metrics(scores, gold, populations(scores, gold, 0.5)).values():
        assert all(value is None or np.isfinite(value) for value in metrics.values())
        assert metrics["map"] is None
