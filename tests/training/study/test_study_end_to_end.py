"""A study of two cells from the command line to its report, broken off and gone on with."""

import json
import sys
from pathlib import Path

import pytest

import icd_coder
from tests.factories import write_tiny_dataset

SMALL = ["--encoder", "lsa", "--seeds", "1", "--batch-size", "16", "--resamples", "50"]


def study(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    return run(monkeypatch, "losses", *arguments)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["icd-coder", "study", *map(str, arguments)])
    try:
        icd_coder.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_two_cells_end_in_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines, documents, tables and plots; the same command adds nothing, a wider one its cells, another recipe is
    refused."""
    data, out = write_tiny_dataset(tmp_path / "data"), tmp_path / "study"
    small = ["--data", data, "--out", out, *SMALL]
    assert study(monkeypatch, *small, "--steps", "6", "--losses", "bce,sd") == 0
    lines = [json.loads(line) for line in (out / "runs.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == ["bce", "sd"]
    assert all(0 <= line["figures"]["micro_f1"] <= 1 and line["peak_bytes_a_step"] > 0 for line in lines)
    assert len(list((out / "documents").iterdir())) == 2
    report = (out / "report.md").read_text()
    for heading in ("## Every loss", "## Where SD wins, ties and loses", "## Cost of a step", "(relations.png)"):
        assert heading in report
    assert (out / "relations.png").read_bytes().startswith(b"\x89PNG")

    before = (out / "runs.jsonl").read_bytes()
    assert study(monkeypatch, *small, "--steps", "6", "--losses", "bce,sd") == 0
    assert (out / "runs.jsonl").read_bytes() == before
    wider = [
        "--losses",
        "sd,sd-similarity",
        "--lambdas",
        "1,2",
        "--temperatures",
        "0.07,0.5",
        "--scales",
        "plain,matched",
    ]
    assert study(monkeypatch, *small, "--steps", "6", *wider) == 0
    assert (out / "runs.jsonl").read_bytes().startswith(before)
    report = (out / "report.md").read_text()
    for heading in ("## Every lambda", "## Temperature", "## The factors of the weight", "matched scale"):
        assert heading in report

    assert run(monkeypatch, "summary", out, "--out", tmp_path / "summary.md", "--resamples", 50) == 0
    assert "| sd - bce |" in (tmp_path / "summary.md").read_text()
    assert study(monkeypatch, *small, "--steps", "7", "--losses", "bce") == 2
    assert "steps is 6, and this one's is 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--losses", "bce,focal"], "'focal'"),
        (["--lambdas", "0"], "--lambdas"),
        (["--lambdas", "many"], "'many'"),
        (["--temperatures", "-1"], "--temperatures"),
        (["--scales", "log"], "'log'"),
        (["--seeds", "0"], "--seeds"),
        (["--steps", "0"], "--steps"),
        (["--dropout", "1"], "--dropout"),
    ],
)
def test_bad_options_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """The flag or the value is named, before anything is written."""
    data = write_tiny_dataset(tmp_path / "data")
    assert study(monkeypatch, "--data", data, "--out", tmp_path / "study", *arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_a_folder_with_something_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--out that holds no study."""
    data = write_tiny_dataset(tmp_path / "data")
    assert study(monkeypatch, "--data", data, "--out", data, *SMALL) == 2
    assert "holds no study" in capsys.readouterr().err


def test_a_summary_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder without a study."""
    assert run(monkeypatch, "summary", tmp_path, "--out", tmp_path / "summary.md") == 2
    assert "holds no study" in capsys.readouterr().err
