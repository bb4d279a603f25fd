"""Figures of a run, beside scikit-learn and plain loops."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model.labels import multi_hot
from tests.training.study.study_data import study_data
from training.study.bands import bands
from training.study.measures import measure, ratio
from training.study.trained import Trained


def trained() -> Trained:
    random = np.random.default_rng(0)
    data = study_data()

    def scores(rows: tuple[np.ndarray, ...]) -> np.ndarray:
        return (0.5 * multi_hot(rows, 4) + 0.5 * random.random((len(rows), 4))).astype(np.float32)

    def unit(number: int) -> np.ndarray:
        vectors = random.normal(size=(number, 5))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    return Trained(scores(data.tuning.rows), scores(data.judged.rows), unit(30), unit(40), 1, 0.5, None, 0.1, 1)


def test_f1_is_scikit_learns_over_all_labels_bands_and_sparse_documents() -> None:
    """At the threshold that the tuning part gave."""
    data, run = study_data(), trained()
    measured = measure(run, data)
    gold = multi_hot(data.judged.rows, 4)
    chosen = run.judged_scores > measured.figures["threshold"]
    assert measured.figures["micro_f1"] == pytest.approx(f1_score(gold, chosen, average="micro"))
    assert measured.figures["macro_f1"] == pytest.approx(f1_score(gold, chosen, average="macro"))
    for band in bands(data.train_counts):
        expected = f1_score(gold[:, band.columns].ravel(), chosen[:, band.columns].ravel())
        assert measured.figures[f"{band.name}_f1"] == pytest.approx(expected)
    sparse = (gold.sum(1) >= 1) & (gold.sum(1) <= 2)
    assert measured.figures["sparse_f1"] == pytest.approx(f1_score(gold[sparse], chosen[sparse], average="micro"))


def test_means_leave_out_documents_where_they_are_not_defined() -> None:
    """MAP and neighbours are over documents with labels."""
    measured = measure(trained(), study_data())
    unlabelled = np.array([len(row) == 0 for row in study_data().judged.rows])
    np.testing.assert_array_equal(np.isnan(measured.documents["ap"]), unlabelled)
    np.testing.assert_array_equal(np.isnan(measured.documents["jaccard"]), unlabelled)
    assert measured.figures["map"] == pytest.approx(np.nanmean(measured.documents["ap"]))


def test_a_figure_without_documents_is_none() -> None:
    """No sparse document, or no such band."""
    documents = {"jaccard": np.array([0.5, 1.0]), "sparse": np.zeros(2)}
    assert ratio(documents, "sparse_jaccard") is None
    assert ratio(documents, "tail_f1") is None
    assert ratio(documents, "neighbour_jaccard") == 0.75


def test_bands_hold_a_third_of_the_assignments_each() -> None:
    """Counted by hand: 6 + 6 of 18 assignments in two labels, 6 in six; an unseen label is in none."""
    found = bands(np.array([1, 6, 0, 1, 6, 1, 1, 1, 1]))
    assert [(band.name, band.columns.tolist(), band.fewest, band.most) for band in found] == [
        ("head", [1], 6, 6),
        ("medium", [4], 6, 6),
        ("tail", [0, 3, 5, 6, 7, 8], 1, 1),
    ]
