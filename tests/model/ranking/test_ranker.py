"""The ranker: channels fused, with neighbours and without, unseen codes too."""

from dataclasses import replace

import numpy as np
import pytest

from model.errors import MalformedInput
from model.ranking.ranker import Ranker
from model.text.read_note import ReadNote
from tests.tiny_ranker import CODES, TRAINED, invented_notes, tiny_ranker


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return tiny_ranker()


def average_precision(columns: np.ndarray, assigned: np.ndarray) -> float:
    """Mean precision at the ranks of the assigned codes."""
    hits = np.isin(columns, assigned)
    ranks = np.flatnonzero(hits) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).sum() / len(assigned))


def test_codes_come_most_probable_first_and_say_who_proposed_them(ranker: Ranker) -> None:
    """Every candidate once; a code that a channel names is among them."""
    note = invented_notes(1, seed=9)[0]
    found = ranker.rank(ReadNote(note.text), note.probabilities, note.neighbours)
    assert found.probabilities.tolist() == sorted(found.probabilities.tolist(), reverse=True)
    assert len(set(found.columns.tolist())) == len(found.columns)
    for word in note.text.split():
        place = found.place_of(int(word))
        assert place is not None
        assert "words" in found.channels_of(place)
    assert found.place_of(10_000) is None


def test_fusion_ranks_fresh_notes_better_than_the_classifier(ranker: Ranker) -> None:
    """On 60 notes that nothing was fitted on; neighbours help further."""
    fresh = invented_notes(60, seed=5)
    alone = [average_precision(np.argsort(-note.probabilities), note.assigned) for note in fresh]
    without = [average_precision(ranker.rank(ReadNote(n.text), n.probabilities).columns, n.assigned) for n in fresh]
    fused = [
        average_precision(ranker.rank(ReadNote(n.text), n.probabilities, n.neighbours).columns, n.assigned)
        for n in fresh
    ]
    assert np.mean(alone) + 0.05 < np.mean(without) < np.mean(fused)


def test_without_neighbours_the_fusion_that_never_knew_them_answers(ranker: Ranker) -> None:
    """The answer says so; a ranker without the other fusion takes neighbours and ignores them."""
    note = invented_notes(1, seed=3)[0]
    without = ranker.rank(ReadNote(note.text), note.probabilities)
    assert not without.used_neighbours
    assert "neighbours" not in without.channels
    assert ranker.rank(ReadNote(note.text), note.probabilities, []).used_neighbours
    deaf = replace(ranker, with_neighbours=None).rank(ReadNote(note.text), note.probabilities, note.neighbours)
    np.testing.assert_array_equal(deaf.probabilities, without.probabilities)
    assert not deaf.used_neighbours


def test_a_code_without_a_training_note_can_be_proposed(ranker: Ranker) -> None:
    """By a channel that reads the note; the classifier has no column for it."""
    found = ranker.rank(ReadNote(f"{TRAINED + 4}"), np.full(TRAINED, 0.01))
    place = found.place_of(TRAINED + 4)
    assert place is not None
    assert found.channels_of(place) == ("words",)
    assert CODES[TRAINED + 4].count_train == 0


def test_a_neighbour_votes_for_its_own_codes_only(ranker: Ranker) -> None:
    """A code that no channel names is no candidate, whatever the neighbours are."""
    note = invented_notes(1, seed=3)[0]
    hidden = len(CODES) - 1
    voters = [v for v in note.neighbours if CODES[hidden].key not in v.codes]
    text = " ".join(word for word in note.text.split() if word != str(hidden))
    assert ranker.rank(ReadNote(text), note.probabilities, voters).place_of(hidden) is None


def test_a_feature_that_no_channel_gives_is_named(ranker: Ranker) -> None:
    """A bundle whose channel got lost never answers with half its features."""
    lost = replace(ranker, candidate_builder=replace(ranker.candidate_builder, text_channels=None))
    with pytest.raises(MalformedInput, match=r"words\.count"):
        lost.rank(ReadNote(""), np.full(TRAINED, 0.1))
