"""Ranking metrics equal plain loops, and scikit-learn where nothing is tied."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from training.evaluation.gold import Gold
from training.evaluation.positive_ranks import cells_ahead, standing
from training.evaluation.ranking_metrics import average_precisions, ranking_metrics


def ranking(scores: np.ndarray, rows: list[np.ndarray], extra: np.ndarray | None = None) -> dict:
    gold = Gold.from_rows(rows, scores.shape[1], extra)
    return ranking_metrics(gold, standing(scores, gold).ahead)


def looped(scores: np.ndarray, rows: list[np.ndarray], extra: np.ndarray) -> dict:
    """The definitions, one document and one code at a time."""
    found: dict[str, list[float]] = {}
    for line, columns, missing in zip(scores, rows, extra, strict=True):
        total = len(columns) + int(missing)
        if total == 0:
            continue
        order = sorted(range(len(line)), key=lambda column, line=line: (-line[column], column))
        hits = [column in set(columns.tolist()) for column in order]
        precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(order)) if hits[rank]]
        found.setdefault("map", []).append(sum(precisions) / total)
        for k in (5, 8, 15):
            found.setdefault(f"precision_at_{k}", []).append(sum(hits[:k]) / k)
            found.setdefault(f"recall_at_{k}", []).append(sum(hits[:k]) / total)
        found.setdefault("r_precision", []).append(sum(hits[:total]) / total)
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_equals_plain_loops_with_ties_and_missing_codes(split):
    """Every metric equals its definition, with tied scores and assigned codes outside the label space."""
    extra = np.random.default_rng(7).integers(0, 3, size=len(split.rows))
    extra[4] = 0  # stays without any code
    assert ranking(split.scores, split.rows, extra) == pytest.approx(looped(split.scores, split.rows, extra), abs=1e-12)


def test_map_equals_scikit_learn_without_ties():
    """The mean average precision is scikit-learn's, document by document."""
    generator = np.random.default_rng(0)
    scores = generator.permutation(50 * 40).reshape(50, 40).astype(np.float64)
    truth = generator.random((50, 40)) < 0.2
    gold = Gold.from_rows([np.flatnonzero(line) for line in truth], 40)
    expected = [average_precision_score(truth[i], scores[i]) for i in gold.labelled]
    assert average_precisions(gold, standing(scores, gold).ahead) == pytest.approx(expected, abs=1e-9)


def test_ties_go_to_the_lower_column():
    """With all scores equal the ranking is the code order."""
    result = ranking(np.zeros((1, 4), dtype=np.float32), [np.array([1])])
    assert result["map"] == 0.5


def test_documents_without_codes_are_skipped():
    """A document without codes changes no ranking metric."""
    scores = np.random.default_rng(0).random((3, 20))
    rows = [np.array([1, 2]), np.array([], dtype=np.int64), np.array([7])]
    assert ranking(scores, rows) == ranking(scores[[0, 2]], [rows[0], rows[2]])


@pytest.mark.parametrize("documents", [0, 2])
def test_no_document_with_codes_gives_none(documents):
    """A mean over no documents is None, never NaN and never a crash."""
    rows = [np.array([], dtype=np.int64)] * documents
    assert set(ranking(np.zeros((documents, 3)), rows).values()) == {None}


def test_codes_outside_the_label_space_count_in_the_denominators():
    """One of two assigned codes has no column: it halves MAP, recall and R-precision."""
    result = ranking(np.array([[0.9, 0.1]]), [np.array([0])], np.array([1]))
    assert (result["map"], result["recall_at_5"], result["r_precision"]) == (0.5, 0.5, 0.5)
    assert result["precision_at_5"] == pytest.approx(0.2)


def test_counts_over_disjoint_columns_add_up(split):
    """Counting the columns in two parts gives the same standing as counting them at once."""
    gold = split.gold
    odd, even = np.arange(1, gold.num_labels, 2), np.arange(0, gold.num_labels, 2)
    parts = standing(split.scores, gold, odd) + standing(split.scores, gold, even)
    whole = standing(split.scores, gold)
    for name in ("ahead", "below", "equal"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist()
    assert parts.cells == whole.cells == split.scores.size


def test_counts_in_blocks_equal_counts_at_once(split, monkeypatch):
    """The size of a block changes nothing."""
    whole = standing(split.scores, split.gold)
    monkeypatch.setattr("training.evaluation.score_matrix.BLOCK_CELLS", 100)
    blocks = standing(split.scores, split.gold)
    assert blocks.below.tolist() == whole.below.tolist()
    assert blocks.ahead.tolist() == whole.ahead.tolist()
    every = np.arange(split.gold.num_labels)
    assert cells_ahead(split.scores, split.gold, every).tolist() == whole.ahead.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_document_order_and_label_permutation_change_nothing(seed):
    """Shuffled documents, and shuffled labels where no scores are tied, give the same metrics."""
    generator = np.random.default_rng(seed)
    n, labels = int(generator.integers(1, 8)), int(generator.integers(1, 12))
    scores = generator.permutation(n * labels).reshape(n, labels).astype(np.float32)
    truth = generator.random((n, labels)) < 0.3
    documents, columns = generator.permutation(n), generator.permutation(labels)
    shuffled = ranking(scores[documents][:, columns], [np.flatnonzero(t) for t in truth[documents][:, columns]])
    plain = ranking(scores, [np.flatnonzero(t) for t in truth])
    assert shuffled == {name: value if value is None else pytest.approx(value) for name, value in plain.items()}
