"""Scores in batches give the numbers of the whole matrix."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from model.errors import UnwritableOutput
from model.icd import ICD9CM
from model.labels import Label, LabelSpace
from training.evaluation.report import evaluate_scores
from training.evaluation.stream import ScoreStream
from training.evaluation.threshold_tuning import tune


def label_space(size: int) -> LabelSpace:
    return LabelSpace(tuple(Label(ICD9CM, f"{100 + i}", f"title {i}", count_train=i * 7) for i in range(size)))


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_batches_give_the_numbers_of_the_matrix(split, batch, tmp_path):
    """Every metric, interval and band, to the last bit, with codes outside the label space."""
    labels, extra = label_space(37), np.arange(len(split.rows)) % 3
    with ScoreStream(37, tmp_path) as stream:
        for start in range(0, len(split.rows), batch):
            part = slice(start, start + batch)
            stream.add(split.scores[part], split.rows[part], extra[part])
        assert stream.evaluate(labels, 0.6) == evaluate_scores(split.scores, split.rows, labels, 0.6, extra)
        tuned = tune("per-code", stream.scores, stream.positives)
    assert np.array_equal(tuned.value, tune("per-code", split.scores, split.rows).value)
    assert list(tmp_path.iterdir()) == []


def test_documents_can_be_added_after_a_look(split):
    """The numbers so far, then those of all."""
    labels = label_space(37)
    with ScoreStream(37) as stream:
        stream.add(split.scores[:20], split.rows[:20])
        assert stream.evaluate(labels, 0.6)["documents"] == 20
        stream.add(split.scores[20:], split.rows[20:])
        assert stream.evaluate(labels, 0.6) == evaluate_scores(split.scores, split.rows, labels, 0.6)


def test_float64_is_kept_when_asked_for(split):
    """Scores that differ only beyond float32 keep their order."""
    scores = np.array([[0.5, 0.5 + 1e-12]])
    with ScoreStream(2, dtype=np.float64) as stream:
        stream.add(scores, [np.array([1])])
        assert stream.evaluate(label_space(2), 0.1)["metrics"]["all"]["map"] == 1.0


def test_memory_is_that_of_a_block(monkeypatch):
    """A matrix of 16 MB in batches takes a fraction of it."""
    monkeypatch.setattr("training.evaluation.score_matrix.BLOCK_CELLS", 50_000)
    monkeypatch.setattr("training.evaluation.bootstrap._CELLS", 50_000)
    generator = np.random.default_rng(0)
    labels = label_space(1_000)
    with ScoreStream(1_000) as stream:
        tracemalloc.start()
        for _ in range(40):
            stream.add(generator.random((100, 1_000), dtype=np.float32), [generator.integers(1_000, size=3)] * 100)
        stream.evaluate(labels, 0.5)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert stream.scores.nbytes == 16_000_000
    assert peak < 9_000_000, peak


@pytest.mark.parametrize("scores", [np.zeros((2, 3)), np.zeros((1, 4)), np.array([[0.1, np.nan, 0.2]])])
def test_a_bad_batch_is_refused_when_it_comes(scores):
    """Another shape, or NaN; what was there stays."""
    with ScoreStream(3) as stream:
        stream.add(np.zeros((1, 3)), [np.array([0])])
        with pytest.raises(ValueError, match="scores"):
            stream.add(scores, [np.array([1])])
        assert stream.scores.shape == (1, 3)


def test_no_batch_at_all():
    """Nothing to measure is no crash."""
    with ScoreStream(3) as stream:
        assert stream.evaluate(label_space(3), 0.5)["documents"] == 0


def test_a_folder_that_is_not_there():
    """One clear error."""
    with pytest.raises(UnwritableOutput, match="/nowhere"):
        ScoreStream(3, Path("/nowhere/at/all"))
