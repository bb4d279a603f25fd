"""A fitted fusion: out-of-fold scores, calibrated, and measured where nothing was fitted."""

from dataclasses import replace

import numpy as np
import pytest

from model.candidates import Candidates
from model.errors import EmptyDataset, InvalidOption
from tests.tiny_ranker import fitted_fusions, invented_notes
from training.evaluation.ranked_calibration import ranked_error
from training.ranking.fusion_fit import (
    FittedFusion,
    ValidationNote,
    fit_fusion,
    fusion_card,
    held_out_scores,
    highest_pairs,
    pairs_of_notes,
)


@pytest.fixture(scope="module")
def fitted() -> tuple[FittedFusion, FittedFusion]:
    return fitted_fusions(invented_notes(160))


def test_candidates_stand_beside_the_truth() -> None:
    """Assigned codes that are no candidate, and those outside the code set, are missed."""
    candidates = Candidates(np.array([2, 5]), np.zeros((2, 1), dtype=np.float32), ("a",), (), np.zeros((2, 0), bool))
    pairs = pairs_of_notes(
        [ValidationNote(candidates, np.array([5, 9]), 3, "p"), ValidationNote(candidates, np.array([2]), 0, "q")]
    )
    assert pairs.notes.tolist() == [0, 0, 1, 1]
    assert pairs.truth.tolist() == [False, True, True, False]
    assert pairs.missed.tolist() == [4, 0]


def test_a_note_is_never_scored_by_a_combiner_that_saw_it(fitted) -> None:
    """Turning the truth of one fold changes the scores of the others only."""
    pairs = fitted[0].pairs
    random = np.random.default_rng(0)
    values = (pairs.truth[:, None] + random.normal(size=(len(pairs.truth), 2))).astype(np.float32)
    folds = np.arange(pairs.num_notes) % 4
    mine = (folds == 1)[pairs.notes]
    turned = replace(pairs, truth=np.where(mine, ~pairs.truth, pairs.truth))
    before, after = held_out_scores(pairs, values, folds), held_out_scores(turned, values, folds)
    np.testing.assert_array_equal(before[mine], after[mine])
    assert not np.array_equal(before[~mine], after[~mine])


def test_held_out_probabilities_come_true(fitted) -> None:
    """The error of the 20 highest-ranked codes is small, and the conformal targets lie in their intervals."""
    for each in fitted:
        ranked = highest_pairs(each.pairs, each.probabilities)
        error = ranked_error(ranked.probabilities, ranked.truth)
        assert error is not None
        assert error < 0.05
        assert each.coverages
        assert all(coverage.holds for coverage in each.coverages), each.coverages


def test_neighbours_make_smaller_sets(fitted) -> None:
    """At the same false-negative rate."""
    without, with_neighbours = fitted
    assert with_neighbours.coverages[-1].mean_set_size < without.coverages[-1].mean_set_size


def test_the_highest_pairs_are_those_of_a_sort_of_each_note(fitted) -> None:
    """Ties go to the lower column."""
    pairs, rounded = fitted[0].pairs, np.round(fitted[0].probabilities, 2)
    found = highest_pairs(pairs, rounded, 4)
    for note in range(0, pairs.num_notes, 17):
        own = np.flatnonzero(pairs.notes == note)
        best = sorted(own.tolist(), key=lambda place: (-rounded[place], pairs.columns[place]))[:4]
        assert found.columns[found.documents == note].tolist() == sorted(pairs.columns[best].tolist())


def test_the_card_holds_what_was_measured(fitted) -> None:
    """ECE before, after and of the prior; every conformal set; in plain numbers."""
    import json

    card = fusion_card(fitted[1], np.linspace(0, 0.3, 40))
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert set(card["ece_top_20"]) == {"uncalibrated", "calibrated", "prior"}
    assert card["ece_top_20"]["calibrated"]["value"] < card["ece_top_20"]["prior"]["value"]
    assert card["calibration"]["method"] in card["calibration"]["log_losses"]
    targets = [each["target"] for each in card["conformal"]] + [float(each) for each in card["conformal_out_of_reach"]]
    assert sorted(targets) == [0.05, 0.1, 0.2, 0.3]


def test_notes_that_cannot_be_fitted_are_refused() -> None:
    """Different features, a single patient, not a single assigned candidate."""

    def note(names: tuple[str, ...], subject: str, assigned: int) -> ValidationNote:
        values = np.zeros((2, len(names)), dtype=np.float32)
        candidates = Candidates(np.array([2, 5]), values, names, (), np.zeros((2, 0), bool))
        return ValidationNote(candidates, np.array([assigned]), 0, subject)

    with pytest.raises(InvalidOption, match="different features"):
        fit_fusion([note(("a",), "p", 2), note(("b",), "q", 2)])
    with pytest.raises(EmptyDataset, match="two patients"):
        fit_fusion([note(("a",), "p", 2), note(("a",), "p", 5)])
    with pytest.raises(EmptyDataset, match="no ranker can be fitted"):
        fit_fusion([note(("a",), "p", 9), note(("a",), "q", 9)])
