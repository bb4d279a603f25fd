"""The coder that neighbours make, and what may be tuned on what."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.training.retrieval.random_labelled import random_labelled
from training.evaluation.gold import Gold
from training.evaluation.ranking_metrics import mean_average_precision
from training.retrieval import coders
from training.retrieval.coders import compare_coders
from training.retrieval.knn_coder import (
    KS,
    SHARPNESSES,
    WEIGHTS,
    Labelled,
    VoteSettings,
    blend,
    halves,
    tune,
    votes,
)
from training.retrieval.search import Neighbours


def test_votes_are_those_of_a_loop() -> None:
    """k nearest, cosine to the power, shares of the whole."""
    labelled, train_rows = random_labelled(0)
    found = votes(labelled.neighbours, train_rows, 12, VoteSettings(5, 3.0))
    for query in range(len(labelled.rows)):
        indices, similarities = labelled.neighbours.of(query, 5)
        expected = np.zeros(12)
        for index, similarity in zip(indices, similarities, strict=True):
            for column in train_rows[index]:
                expected[column] += similarity**3 / sum(similarities**3)
        assert found[query] == pytest.approx(expected, abs=1e-6)


def test_tuning_finds_the_best_of_the_grid() -> None:
    """Every setting tried by hand: first the vote, then its weight."""
    labelled, train_rows = random_labelled(1)
    gold = Gold.from_rows(labelled.rows, 12)
    tuned = tune(labelled, train_rows)
    reached = {
        (k, sharpness): mean_average_precision(
            votes(labelled.neighbours, train_rows, 12, VoteSettings(min(k, 40), sharpness)), gold
        )
        for k, sharpness in product(KS, SHARPNESSES)
    }
    vote = votes(labelled.neighbours, train_rows, 12, tuned.vote)
    assert mean_average_precision(vote, gold) == pytest.approx(max(reached.values()))
    blends = [mean_average_precision(blend(labelled.probabilities, vote, weight), gold) for weight in WEIGHTS]
    assert tuned.weight == WEIGHTS[int(np.argmax(blends))]


def test_a_blend_is_never_worse_than_either_where_it_was_tuned() -> None:
    """Weights 0 and 1 are in the grid."""
    labelled, train_rows = random_labelled(2)
    tuned = tune(labelled, train_rows)
    gold = Gold.from_rows(labelled.rows, 12)
    vote = votes(labelled.neighbours, train_rows, 12, tuned.vote)
    best = mean_average_precision(blend(labelled.probabilities, vote, tuned.weight), gold)
    assert best >= mean_average_precision(vote, gold)
    assert best >= mean_average_precision(labelled.probabilities, gold)


@pytest.mark.parametrize("seed", range(3))
def test_halves_share_no_patient(seed: int) -> None:
    """And hold every document once; unknown patients are spread one by one."""
    subjects = [*(f"p{index // 3}" for index in range(30)), *[""] * 8]
    first, second = halves(subjects, seed)
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(38))
    assert not {subjects[index] for index in first} & {subjects[index] for index in second} - {""}
    unknown = [index for index in first if not subjects[index]]
    assert 0 < len(unknown) < 8


def test_no_document_is_scored_with_what_it_was_tuned_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two-fold: each half is scored by the other half's settings."""
    labelled, train_rows = random_labelled(3)
    subjects = [f"p{index // 2}" for index in range(len(labelled.rows))]
    seen: list[tuple[set[int], set[int]]] = []
    real_tune, real_score = coders.tune, coders.score
    places = {labelled.probabilities[index].tobytes(): index for index in range(len(subjects))}

    def spy_tune(documents: Labelled, rows: list[np.ndarray]) -> object:
        seen.append(({places[line.tobytes()] for line in documents.probabilities}, set()))
        return real_tune(documents, rows)

    def spy_score(tuned: object, documents: Labelled, rows: list[np.ndarray]) -> object:
        seen[-1][1].update(places[line.tobytes()] for line in documents.probabilities)
        return real_score(tuned, documents, rows)

    monkeypatch.setattr(coders, "tune", spy_tune)
    monkeypatch.setattr(coders, "score", spy_score)
    assert compare_coders({"x": labelled}, None, subjects, train_rows, seed=0)
    assert len(seen) == 2
    for tuned_on, scored in seen:
        assert not {subjects[index] for index in tuned_on} & {subjects[index] for index in scored}
    assert seen[0][1] | seen[1][1] == set(range(len(subjects)))


def test_figures_are_those_of_scikit_learn() -> None:
    """Micro-F1 at the tuned threshold; the difference is of the means."""
    judged, train_rows = random_labelled(4)
    tuning, _ = random_labelled(5)
    results = compare_coders({"x": judged}, {"x": tuning}, [""] * len(judged.rows), train_rows, seed=0)
    assert results is not None
    assert [result.name for result in results] == ["classifier", "k-NN, x", "classifier + k-NN, x"]
    truth = np.zeros((len(judged.rows), 12), dtype=int)
    for index, columns in enumerate(judged.rows):
        truth[index, columns] = 1
    tuned = tune(tuning, train_rows)
    vote = votes(judged.neighbours, train_rows, 12, tuned.vote)
    mixed = blend(judged.probabilities, vote, tuned.weight)
    thresholds = (tuned.classifier_threshold, tuned.vote_threshold, tuned.blend_threshold)
    for result, scores, threshold in zip(results, (judged.probabilities, vote, mixed), thresholds, strict=True):
        assert result.micro_f1 is not None
        assert result.map is not None
        chosen = (scores.astype(np.float64) > threshold).astype(int)
        assert result.micro_f1.value == pytest.approx(f1_score(truth, chosen, average="micro"))
        assert result.settings[0]["threshold"] == threshold
    assert results[0].map is not None
    assert results[2].map is not None
    assert results[2].map_difference is not None
    assert results[2].map_difference.value == pytest.approx(results[2].map.value - results[0].map.value)
    assert results[0].map_difference is None


def test_nothing_to_tune_on_gives_no_coders() -> None:
    """One patient cannot be halved; documents without codes tune nothing."""
    labelled, train_rows = random_labelled(6)
    assert compare_coders({"x": labelled}, None, ["p"] * len(labelled.rows), train_rows, seed=0) is None
    bare = Labelled(
        [np.zeros(0, dtype=np.int64)] * len(labelled.rows), labelled.extra, labelled.probabilities, labelled.neighbours
    )
    assert compare_coders({"x": labelled}, {"x": bare}, [""] * len(labelled.rows), train_rows, seed=0) is None


def test_a_document_without_neighbours_scores_zero() -> None:
    """All of the training documents are its own patient's."""
    none = Neighbours(np.full((1, 3), -1), np.zeros((1, 3)))
    assert votes(none, [np.array([0])], 2, VoteSettings(3, 1.0)).tolist() == [[0.0, 0.0]]
