"""Bundles and stored scores judged by the same code, and compared."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from model.dataset import load_dataset
from model.errors import IcdCoderError, InvalidOption, LabelSpaceMismatch, MalformedInput
from tests.factories import save_tiny_bundle, write_tiny_dataset
from training.commands import commands
from training.evaluation.report_comparison import compare_reports
from training.evaluation.threshold_tuning import tune
from training.run.evaluate import ThresholdChoice, evaluate_bundle, evaluate_stored


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, a tiny bundle, and its reports on dev and test."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_tiny_dataset(folder / "data")
    save_tiny_bundle(folder / "bundle")
    for split in ("dev", "test"):
        evaluate_bundle(folder / "bundle", folder / "data", split, folder / split)
    return folder


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def _run(*arguments: object) -> Any:
    return CliRunner().invoke(commands, list(map(str, arguments)), env={"COLUMNS": "140"})


def test_scores_of_a_report_give_the_report_again(made: Path, tmp_path: Path) -> None:
    """The bundle's own scores with its threshold: the same metrics, intervals and fingerprint."""
    evaluate_stored(made / "test" / "scores.npy", made / "data", "test", tmp_path / "again", ThresholdChoice(value=0.5))
    ours, again = _report(made / "test"), _report(tmp_path / "again")
    for key in ("metrics", "intervals", "frequency_bands", "documents_fingerprint", "threshold"):
        assert again[key] == ours[key]
    assert again["bundle_id"] is None
    assert again["scores_file"].startswith("scores.npy, SHA-256 ")
    assert "scores.npy, SHA-256" in (tmp_path / "again" / "report.md").read_text()
    assert all(row.difference.value == 0 for row in compare_reports(made / "test", tmp_path / "again").differences)


@pytest.mark.parametrize(
    "arguments", [("global", None), ("per-code", None), ("precision", 0.3)], ids=["global", "per-code", "precision"]
)
def test_thresholds_are_tuned_on_dev_only(made: Path, tmp_path: Path, arguments: tuple[str, float | None]) -> None:
    """The value is that of dev's scores, whatever test holds; the report says so."""
    policy, target = arguments
    choice = ThresholdChoice(tune_on=made / "dev" / "scores.npy", policy=policy, target_precision=target)
    report = evaluate_stored(made / "test" / "scores.npy", made / "data", "test", tmp_path / "report", choice)
    dataset = load_dataset(made / "data")
    rows = dataset.rows(dataset.require("dev"))
    tuned = tune(policy, np.load(made / "dev" / "scores.npy"), rows, target_precision=target)
    expected = np.atleast_1d(tuned.value)
    found = report["threshold"]
    assert (found["lowest"] if isinstance(found, dict) else found) == expected.min()
    assert report["threshold_source"] == f"{tuned.description} on dev"


def test_dev_scores_of_another_split_are_refused(made: Path, tmp_path: Path) -> None:
    """The wrong file for --tune-on is found by its shape."""
    scores = np.load(made / "test" / "scores.npy")
    np.save(tmp_path / "test.npy", scores[:-1])
    choice = ThresholdChoice(tune_on=tmp_path / "test.npy")
    with pytest.raises(MalformedInput, match="'dev' needs"):
        evaluate_stored(made / "test" / "scores.npy", made / "data", "test", tmp_path / "report", choice)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ThresholdChoice(), "either --threshold"),
        (ThresholdChoice(value=0.5, tune_on=Path("dev.npy")), "either --threshold"),
        (ThresholdChoice(value=0.5, policy="per-code"), "--policy"),
        (ThresholdChoice(value=0.5, target_precision=0.5), "--target-precision"),
    ],
)
def test_threshold_choices_that_do_not_fit(made: Path, tmp_path: Path, choice: ThresholdChoice, said: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidOption, match=said):
        evaluate_stored(made / "test" / "scores.npy", made / "data", "test", tmp_path / "report", choice)


def test_baselines_stand_beside_stored_scores(made: Path, tmp_path: Path) -> None:
    """As beside a bundle."""
    choice = ThresholdChoice(value=0.5)
    report = evaluate_stored(made / "test" / "scores.npy", made / "data", "test", tmp_path / "report", choice, True)
    assert set(report["baselines"]) == {"label prior", "TF-IDF neighbours (k = 30)", "TF-IDF, linear model"}
    assert all(baseline["all"]["micro_f1"] is not None for baseline in report["baselines"].values())


def test_nothing_but_the_report_is_left(made: Path) -> None:
    """The scores that were collected on disk are gone; the report has them by name."""
    assert sorted(path.name for path in made.iterdir()) == ["bundle", "data", "dev", "test"]
    assert sorted(path.name for path in (made / "test").iterdir()) == [
        "documents.parquet", "plots", "report.json", "report.md", "run.tsv", "scores.npy",
    ]  # fmt: skip


def test_the_verbs(made: Path, tmp_path: Path) -> None:
    """evaluate --scores, then compare as a table and as JSON."""
    scores = ["--scores", made / "test" / "scores.npy", "--data", made / "data", "--split", "test"]
    found = _run("evaluate", *scores, "--tune-on", made / "dev" / "scores.npy", "--out", tmp_path / "b")
    assert found.exit_code == 0, found.output
    assert "micro-F1" in found.output
    table = _run("compare", made / "test", tmp_path / "b")
    assert table.exit_code == 0, table.output
    assert "AUC" not in table.output
    assert "F1, micro" in table.output
    plain = json.loads(_run("compare", made / "test", tmp_path / "b", "--json").output)
    assert (plain["first"], plain["second"], plain["split"]) == ("test", "b", "test")
    row = next(row for row in plain["differences"] if row["metric"] == "map")
    assert row["first"] == row["second"]
    assert not row["clear"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["evaluate", "--data", "{f}/data", "--out", "{f}/out"], InvalidOption),
        (
            ["evaluate", "--bundle", "{f}/bundle", "--scores", "x", "--data", "{f}/data", "--out", "{f}/out"],
            InvalidOption,
        ),
        (
            ["evaluate", "--bundle", "{f}/bundle", "--threshold", "0.3", "--data", "{f}/data", "--out", "{f}/out"],
            InvalidOption,
        ),
        (["compare", "{f}/dev", "{f}/test"], InvalidOption),
    ],
)
def test_verbs_that_do_not_fit(made: Path, arguments: list[str], error: type[IcdCoderError]) -> None:
    """Two sources, none, options of the other, two splits."""
    result = _run(*(word.replace("{f}", str(made)) for word in arguments))
    assert isinstance(result.exception, error)


def test_another_datasets_report_is_refused(made: Path, tmp_path: Path) -> None:
    """Same split, other documents."""
    write_tiny_dataset(tmp_path / "data", seed=5)
    evaluate_bundle(made / "bundle", tmp_path / "data", "test", tmp_path / "test")
    with pytest.raises(LabelSpaceMismatch):
        compare_reports(made / "test", tmp_path / "test")
