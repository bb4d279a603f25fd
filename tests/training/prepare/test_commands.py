"""The command line of `prepare`: what is printed, help with examples, errors that end with code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.dataset import load_dataset
from model.errors import EmptyDataset
from tests.training.prepare.mimic_mini import csv_bytes, write_mimic
from training.prepare.commands import commands

RUNNER = CliRunner()


def test_mimic3_prints_counts_and_warns_of_unknown_codes(tmp_path: Path) -> None:
    """Documents by split, codes by system, and an example of a code in no table."""
    source = write_mimic(tmp_path / "mimic")
    result = RUNNER.invoke(commands, ["mimic3", "--source", str(source), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "3 documents (train 3, dev 0, test 0), 4 icd9cm, 3 icd9pcs codes" in result.stdout
    assert "warning: 1 code is in no ICD table, for example icd9pcs 66" in result.stderr


def test_table_takes_its_columns_from_the_options(tmp_path: Path) -> None:
    """Every option reaches the preparation."""
    rows = [["7", "p", "val", "Text.", "0066"]]
    (tmp_path / "t.csv").write_bytes(csv_bytes(["n", "who", "part", "note", "icd"], rows))
    options = [
        "--text",
        "note",
        "--codes",
        "icd",
        "--system",
        "icd9pcs",
        "--id",
        "n",
        "--subject",
        "who",
        "--split",
        "part",
    ]
    arguments = ["table", "--source", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out"), *options]
    assert RUNNER.invoke(commands, arguments).exit_code == 0
    (document,) = load_dataset(tmp_path / "out").documents()
    assert (document.document_id, document.subject_id, document.split) == ("7", "p", "dev")
    assert document.codes == (("icd9pcs", "00.66"),)


def test_notes_without_rows_show_a_table(tmp_path: Path) -> None:
    """The other tables' counts are printed before the error."""
    source = write_mimic(tmp_path / "mimic", notes=[])
    result = RUNNER.invoke(commands, ["mimic3", "--source", str(source), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, EmptyDataset)
    assert "PROCEDURES_ICD" in result.stdout


@pytest.mark.parametrize("verb", ["mimic3", "codiesp", "table", "labels"])
def test_help_has_an_example(verb: str) -> None:
    """Every verb shows a command to copy."""
    result = RUNNER.invoke(commands, [verb, "--help"])
    assert result.exit_code == 0
    assert f"icd-coder prepare {verb} --source" in result.stdout


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [("mimic3", "--labels", "everything"), ("codiesp", "--language", "fr"), ("table", "--system", "icd11")],
)
def test_an_unknown_choice_is_a_usage_error(verb: str, option: str, value: str) -> None:
    """Exit code 2, and the sentence names option and value."""
    named = ["--text", "t", "--codes", "c"] if verb == "table" else []
    result = RUNNER.invoke(commands, [verb, "--source", "x", "--out", "y", *named, option, value])
    assert result.exit_code == 2
    message = " ".join(result.stderr.replace("│", " ").split())
    assert f"Invalid value for '{option}'" in message
    assert f"'{value}' is not one of" in message


def test_rows_that_are_left_out_are_told(tmp_path: Path) -> None:
    """A summary without text, or without a code, is counted where one looks, not in the manifest alone."""
    rows = [["a", "Text.", "401.9"], ["b", " ", "401.9"], ["c", "Text.", ""]]
    (tmp_path / "t.csv").write_bytes(csv_bytes(["who", "note", "icd"], rows))
    options = ["--text", "note", "--codes", "icd", "--system", "icd9cm", "--subject", "who"]
    arguments = ["table", "--source", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out"), *options]
    result = RUNNER.invoke(commands, arguments)
    assert result.exit_code == 0, result.output
    assert "left out: 1 rows: no code; 1 rows: code but no text" in result.stderr
    assert "manifest.json" in result.stderr
