"""Two reports on the same documents."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from model.errors import InvalidOption, LabelSpaceMismatch, MalformedInput, MissingInput
from model.icd import ICD9CM
from model.labels import Label, LabelSpace
from training.evaluation.report import ReportSubject, write_report
from training.evaluation.report_comparison import compare_reports


def label_space(size: int) -> LabelSpace:
    return LabelSpace(tuple(Label(ICD9CM, f"{100 + i}", f"title {i}", count_train=i * 7) for i in range(size)))


def report(folder, split, scores, threshold=0.6, *, subject="dev", prefix="d", rows=None):
    """A report on the split with these scores."""
    rows = split.rows if rows is None else rows
    write_report(
        folder, ReportSubject("invented", subject, "bundle", "given"), scores, rows, label_space(scores.shape[1]),
        threshold, document_ids=[f"{prefix}{index}" for index in range(len(rows))],
    )  # fmt: skip
    return folder


def other_scores(split):
    return np.random.default_rng(99).permuted(split.scores, axis=1)


def test_values_are_those_of_the_reports_and_of_scikit_learn(split, tmp_path):
    """Both populations, every metric; the difference is first minus second."""
    worse = other_scores(split)
    first, second = report(tmp_path / "a", split, split.scores), report(tmp_path / "b", split, worse)
    comparison = compare_reports(first, second)
    found = {(row.metric, row.population): row for row in comparison.differences}
    assert len(found) == len(comparison.differences) == 2 * 13
    for name, side in (("a", "first"), ("b", "second")):
        metrics = json.loads((tmp_path / name / "report.json").read_text())["metrics"]
        for (metric, population), row in found.items():
            assert getattr(row, side) == pytest.approx(metrics[population][metric], abs=1e-12)
            assert row.difference.value == pytest.approx(row.first - row.second, abs=1e-12)
    for metric, function in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        difference = function(split.truth, split.scores > np.float64(0.6), average="micro") - function(
            split.truth, worse > np.float64(0.6), average="micro"
        )
        assert found[f"micro_{metric}", "all"].difference.value == pytest.approx(difference, abs=1e-9)
    assert found["map", "all"].clear
    assert found["map", "all"].difference.low > 0


def test_the_interval_is_that_of_a_loop(split, tmp_path):
    """Micro-F1 of both on the same resamples, one at a time, with scikit-learn."""
    worse = other_scores(split)
    comparison = compare_reports(
        report(tmp_path / "a", split, split.scores), report(tmp_path / "b", split, worse), seed=4
    )
    (row,) = [row for row in comparison.differences if (row.metric, row.population) == ("micro_f1", "all")]
    chosen = [scores > np.float64(0.6) for scores in (split.scores, worse)]
    draws = np.random.default_rng(4).integers(len(split.truth), size=(1000, len(split.truth)))
    values = []
    for draw in draws:
        counts = [
            (split.truth[draw] * one[draw]).sum() * 2 / (split.truth[draw].sum() + one[draw].sum()) for one in chosen
        ]
        values.append(counts[0] - counts[1])
    expected = tuple(np.quantile(values, [0.025, 0.975]))
    assert (row.difference.low, row.difference.high) == pytest.approx(expected, abs=1e-12)


def test_a_report_and_itself_differ_by_nothing(split, tmp_path):
    """Paired: intervals of no width, and none is clear."""
    folder = report(tmp_path / "a", split, split.scores)
    for row in compare_reports(folder, folder).differences:
        assert (row.difference.low, row.difference.value, row.difference.high) == (0, 0, 0)
        assert not row.clear


def test_thresholds_may_differ(split, tmp_path):
    """Ranking metrics stay, selections do not."""
    comparison = compare_reports(
        report(tmp_path / "a", split, split.scores, 0.6), report(tmp_path / "b", split, split.scores, np.full(37, 0.9))
    )
    by_name = {(row.metric, row.population): row.difference.value for row in comparison.differences}
    assert by_name["map", "all"] == 0
    assert by_name["micro_recall", "all"] > 0


def test_other_splits_are_refused(split, tmp_path):
    """Both are named."""
    first = report(tmp_path / "a", split, split.scores)
    with pytest.raises(InvalidOption, match="'dev'.*'test'"):
        compare_reports(first, report(tmp_path / "b", split, split.scores, subject="test"))


def test_other_documents_codes_or_labels_are_refused(split, tmp_path):
    """Even where their numbers are equal."""
    first = report(tmp_path / "a", split, split.scores)
    changed = [np.array([0]) if index == 0 else row for index, row in enumerate(split.rows)]
    others = [
        report(tmp_path / "b", split, split.scores, prefix="e"),
        report(tmp_path / "c", split, split.scores, rows=changed),
        report(tmp_path / "d", split, np.pad(split.scores, ((0, 0), (0, 1)))),
    ]
    for other in others:
        with pytest.raises(LabelSpaceMismatch, match="evaluate both on one dataset"):
            compare_reports(first, other)


def test_reports_without_documents_are_refused(split, tmp_path):
    """No folder, no report, no JSON, a report of an earlier version, a damaged table."""
    first = report(tmp_path / "a", split, split.scores)
    with pytest.raises(MissingInput, match="icd-coder evaluate"):
        compare_reports(first, tmp_path)
    other = report(tmp_path / "b", split, split.scores)
    (other / "documents.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(MalformedInput, match="cannot be read"):
        compare_reports(first, other)
    (other / "documents.parquet").unlink()
    with pytest.raises(MalformedInput, match="evaluate again"):
        compare_reports(first, other)
    (other / "report.json").write_text("{")
    with pytest.raises(MalformedInput, match="no JSON"):
        compare_reports(first, other)


def test_a_document_without_codes_is_in_no_ranking(split, tmp_path):
    """The mean is over documents with codes, as in the report."""
    rows = [np.zeros(0, dtype=np.int64)] * len(split.rows)
    folder = report(tmp_path / "a", split, split.scores, rows=rows)
    metrics = {row.metric for row in compare_reports(folder, folder).differences}
    assert "map" not in metrics
    assert "micro_f1" in metrics
