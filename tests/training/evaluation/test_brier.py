"""The Brier score is the mean squared error, overall and band by band."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from training.evaluation.brier import brier_scores


def test_equals_scikit_learn_overall_and_by_band(split) -> None:
    """Cells of the band's codes; a band without codes has none."""
    counts = np.arange(37) * 14
    found = brier_scores(split.scores, split.gold, counts)
    assert found is not None
    for name, inside in (
        ("all", counts >= 0),
        ("0", counts == 0),
        ("11-50", (counts > 10) & (counts <= 50)),
        (">500", counts > 500),
    ):
        expected = brier_score_loss(split.truth[:, inside].ravel(), split.scores[:, inside].ravel().astype(np.float64))
        assert found[name] == pytest.approx(expected, abs=1e-9), name
    assert found["1-10"] is None


def test_scores_that_are_no_probabilities_have_none(split) -> None:
    """Logits are not judged."""
    assert brier_scores(split.scores * 3, split.gold, np.zeros(37)) is None
