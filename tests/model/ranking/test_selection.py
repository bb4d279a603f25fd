"""The order and thresholds of an answer."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import InvalidOption
from model.ranking.conformal import ConformalSet
from model.ranking.selection import ThresholdedRanking, classifier_ranking, with_thresholds
from model.ranking.thresholds import GlobalThreshold, ThresholdPolicy
from model.text.read_note import ReadNote
from tests.tiny_ranker import invented_notes, tiny_ranker

OWN = ThresholdPolicy("per-code", 0.5, np.array([0.1, 0.2, 0.3]))


def test_the_classifier_ranks_with_ties_to_the_code_that_sorts_first() -> None:
    """And thresholds follow their codes."""
    found = classifier_ranking(np.array([0.4, 0.9, 0.4]), GlobalThreshold(0.5, "dev"), (OWN,), "per-code")
    assert found.columns.tolist() == [1, 0, 2]
    assert found.thresholds.tolist() == [0.2, 0.1, 0.3]
    plain = classifier_ranking(np.array([0.4, 0.9, 0.4]), GlobalThreshold(0.7, "dev"), (), None)
    assert plain.thresholds.tolist() == [0.7] * 3


def test_a_policy_that_the_bundle_lacks_is_named() -> None:
    """For both kinds of bundle."""
    with pytest.raises(InvalidOption, match="no such threshold policy"):
        classifier_ranking(np.zeros(1), GlobalThreshold(0.5, "dev"), (OWN,), "best")
    note = invented_notes(1)[0]
    with pytest.raises(InvalidOption, match="no such threshold policy"):
        with_thresholds(tiny_ranker(30).rank(ReadNote(note.text), note.probabilities), "best")


def test_without_confidence_nothing_is_selected_and_the_order_stays() -> None:
    """Probabilities are cut at their thresholds."""
    found = ThresholdedRanking(np.array([2, 1]), np.array([0.9, 0.1]), np.array([0.5, 0.4])).without_confidence()
    assert found.columns.tolist() == [2, 1]
    assert found.probabilities.tolist() == [0.5, 0.1]


def test_a_conformal_set_is_a_policy() -> None:
    """Its codes are selected whatever their probability, and no other."""
    note = invented_notes(1)[0]
    ranking = tiny_ranker(30).rank(ReadNote(note.text), note.probabilities)
    threshold = float(np.median(ranking.scores))
    ranking = replace(ranking, fusion=replace(ranking.fusion, conformal=(ConformalSet(0.1, threshold, 30),)))
    found = with_thresholds(ranking, "conformal-0.1")
    np.testing.assert_array_equal(found.probabilities > found.thresholds, ranking.scores >= threshold)
    with pytest.raises(InvalidOption, match="conformal-0.1"):
        with_thresholds(ranking, "conformal-0.77")
