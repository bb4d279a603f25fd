"""The report: JSON-ready numbers, readable markdown, plots, whole or absent."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from model.errors import OutputExists
from model.icd import ICD9CM
from model.labels import Label, LabelSpace
from training.evaluation.baseline_comparison import Baseline
from training.evaluation.report import ReportSubject, evaluate_scores, write_report

SUBJECT = ReportSubject("invented-data", "dev", "bundle-0123", "global, best micro-F1 on dev")


def label_space(size: int) -> LabelSpace:
    return LabelSpace(tuple(Label(ICD9CM, f"{100 + i}", f"title {i}", count_train=i * 7) for i in range(size)))


def test_evaluate_scores_is_json_ready_and_right(split):
    """The dict survives JSON without NaN and holds scikit-learn's micro-F1 in both populations."""
    labels = label_space(split.truth.shape[1])
    report = evaluate_scores(split.scores, split.rows, labels, 0.6)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    chosen = (split.scores > np.float64(0.6)).astype(int)
    present = np.flatnonzero(split.truth.sum(axis=0))
    for name, columns in (("all", np.arange(len(labels))), ("present", present)):
        expected = f1_score(split.truth[:, columns], chosen[:, columns], average="micro")
        assert report["metrics"][name]["micro_f1"] == pytest.approx(expected, abs=1e-9)
        assert report["codes"][name] == columns.size
        low, high = (report["intervals"][name]["micro_f1"][edge] for edge in ("low", "high"))
        assert low < expected < high
    assert sum(band["codes"] for band in report["frequency_bands"]) == len(labels)


def test_written_report(split, tmp_path):
    """Three kinds of file; the markdown names data, split, bundle, populations and baselines."""
    labels = label_space(split.truth.shape[1])
    prior = np.tile(split.truth.mean(axis=0, dtype=np.float32), (len(split.rows), 1))
    report = write_report(
        tmp_path / "report", SUBJECT, split.scores, split.rows, labels, 0.6, baselines={"label prior": Baseline(prior)}
    )
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == report
    text = (tmp_path / "report" / "report.md").read_text()
    for wanted in (
        "invented-data",
        "dev",
        "bundle-0123",
        "present (",
        "all (",
        "label prior",
        "| MAP |",
        ">500",
    ):
        assert wanted in text
    difference = report["baselines"]["label prior"]["all"]["map_difference"]
    mine, theirs = report["metrics"]["all"]["map"], report["baselines"]["label prior"]["all"]["map"]
    assert difference["value"] == pytest.approx(mine - theirs)
    for name in ("precision_recall.png", "f1_by_frequency.png", "reliability.png"):
        assert (tmp_path / "report" / "plots" / name).read_bytes().startswith(b"\x89PNG")


def test_a_baseline_with_a_threshold_has_f1_beside_the_coders(split, tmp_path):
    """The coder as its own baseline is level; a baseline that selects nothing is behind by all of the coder's F1."""
    labels = label_space(split.truth.shape[1])
    baselines = {"itself": Baseline(split.scores, 0.6), "silent": Baseline(np.zeros_like(split.scores), 0.5)}
    report = write_report(
        tmp_path / "report", SUBJECT, split.scores, split.rows, labels, 0.6, baselines=baselines
    )  # fmt: skip
    for population in ("all", "present"):
        mine = report["metrics"][population]["micro_f1"]
        same, silent = (report["baselines"][name][population] for name in baselines)
        assert (same["micro_f1"], silent["micro_f1"]) == (mine, 0.0)
        assert (same["micro_f1_difference"]["low"], same["micro_f1_difference"]["high"]) == (0.0, 0.0)
        assert silent["micro_f1_difference"]["value"] == pytest.approx(mine)
    prior = np.zeros_like(split.scores)
    without = write_report(
        tmp_path / "b", SUBJECT, split.scores, split.rows, labels, 0.6, baselines={"p": Baseline(prior)}
    )
    assert without["baselines"]["p"]["all"]["micro_f1"] is None


def test_threshold_per_code_is_summed_up(split, tmp_path):
    """With a threshold for each code the report gives their range."""
    labels = label_space(split.truth.shape[1])
    thresholds = np.linspace(0.2, 0.8, len(labels))
    report = write_report(tmp_path / "report", SUBJECT, split.scores, split.rows, labels, thresholds)
    assert report["threshold"] == pytest.approx({"lowest": 0.2, "median": 0.5, "highest": 0.8})
    text = (tmp_path / "report" / "report.md").read_text()
    assert "one for each code" in text
    assert "## Baselines" not in text


@pytest.mark.parametrize("shape", [(0, 3), (2, 3), (2, 1), (2, 0)])
def test_nothing_assigned_still_makes_a_report(shape, tmp_path):
    """A split without assigned codes gives a report of n/a, not a crash."""
    rows = [np.array([], dtype=np.int64)] * shape[0]
    report = write_report(
        tmp_path / "report", SUBJECT, np.zeros(shape, dtype=np.float32), rows, label_space(shape[1]), 0.5,
        baselines={"label prior": Baseline(np.zeros(shape, dtype=np.float32), 0.5)},
    )  # fmt: skip
    assert report["metrics"]["all"]["map"] is None
    assert "n/a" in (tmp_path / "report" / "report.md").read_text()


def test_failure_leaves_nothing_behind(split, tmp_path):
    """A NaN is refused before anything is written."""
    scores = split.scores.copy()
    scores[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        write_report(tmp_path / "report", SUBJECT, scores, split.rows, label_space(scores.shape[1]), 0.5)
    assert list(tmp_path.iterdir()) == []


def test_existing_report_is_kept(split, tmp_path):
    """A report directory that is taken is never overwritten."""
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExists):
        write_report(tmp_path / "report", SUBJECT, split.scores, split.rows, label_space(37), 0.5)
    assert (tmp_path / "report" / "notes.txt").read_text() == "mine"


def test_calibration_stands_in_the_report_with_the_prior_on_the_same_pairs(split, tmp_path):
    """A coder that always answers with the label prior has the prior's error; logits have no calibration at all."""
    labels = label_space(split.truth.shape[1])
    prior = np.tile(labels.train_counts / 500, (len(split.rows), 1))
    report = write_report(tmp_path / "a", SUBJECT, prior, split.rows, labels, 0.6, num_training=500)
    assert report["calibration"]["ece"] == report["calibration"]["ece_of_prior"]
    assert sum(each["pairs"] for each in report["calibration"]["curve"]) == report["calibration"]["pairs"] == 60 * 20
    text = (tmp_path / "a" / "report.md").read_text()
    assert "ECE of the label prior, same pairs" in text
    assert "Brier, 11-50 training documents" in text
    logits = write_report(tmp_path / "b", SUBJECT, split.scores * 9, split.rows, labels, 0.6, num_training=500)
    assert logits["calibration"] is None
    assert "reliability" not in (tmp_path / "b" / "report.md").read_text()
