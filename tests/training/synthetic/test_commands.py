"""The verb ``synth mimic3``."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.errors import IcdCoderError, InvalidOption, OutputExists, UnwritableOutput
from training.synthetic.commands import synth


def _run(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(synth, ["mimic3", *arguments]).exception


def test_the_tables_are_written(tmp_path: Path) -> None:
    """Seven files and nothing beside them."""
    assert _run("--admissions", "3", "--seed", "9", "--out", str(tmp_path / "mimic3")) is None
    assert [path.name for path in tmp_path.iterdir()] == ["mimic3"]
    assert len(list((tmp_path / "mimic3").glob("*.csv.gz"))) == 7


def test_the_full_shape_as_plain_files(tmp_path: Path) -> None:
    """Exactly as many notes as asked for."""
    out = tmp_path / "mimic3"
    assert _run("--admissions", "3", "--noteevents", "100", "--plain", "--out", str(out)) is None
    assert sorted(path.suffix for path in out.iterdir()) == [".csv"] * 7
    with (out / "NOTEEVENTS.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 101


def test_too_few_notes_are_refused(tmp_path: Path) -> None:
    """The flag and its value are named, nothing is written."""
    error = _run("--admissions", "10", "--noteevents", "3", "--out", str(tmp_path / "mimic3"))
    assert isinstance(error, InvalidOption)
    assert "--noteevents is 3" in str(error)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("admissions", ["0", "-5"])
def test_too_few_admissions_are_refused(tmp_path: Path, admissions: str) -> None:
    """The flag and its value are named, nothing is written."""
    error = _run("--admissions", admissions, "--out", str(tmp_path / "mimic3"))
    assert isinstance(error, InvalidOption)
    assert f"--admissions is {admissions}" in str(error)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_content_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "keep.txt").write_text("mine")
    assert isinstance(_run("--out", str(tmp_path)), OutputExists)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_an_unwritable_place_is_one_clear_error(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "file").write_text("")
    error = _run("--out", str(tmp_path / "file" / "mimic3"))
    assert isinstance(error, UnwritableOutput)
    assert isinstance(error, IcdCoderError)
    assert str(tmp_path / "file") in str(error)


def test_help_shows_examples() -> None:
    """The first lines to copy."""
    result = CliRunner().invoke(synth, ["mimic3", "--help"])
    assert result.exit_code == 0
    assert "icd-coder synth mimic3 --out" in result.output
