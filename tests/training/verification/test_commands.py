"""The verb ``verify-data``."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.dataset import Document
from model.icd import ICD9CM, Code
from training.prepare.dataset_directory import Record, write_dataset
from training.verification import mimic3
from training.verification.commands import verify_data
from training.verification.published import Published


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One document of one code."""
    record = Record(options={"source": "mimic3", "labels": "50", "splits": "published, caml form"})
    document = Document("1", "p1", "train", "invented", (Code(ICD9CM, "401.9"),))
    write_dataset(tmp_path / "data", [document], {}, record)
    return tmp_path / "data"


def test_a_difference_is_a_table_and_exit_code_1(data: Path) -> None:
    """Expected, found and the usual meaning."""
    result = CliRunner().invoke(verify_data, ["mimic3", "--data", str(data)], env={"COLUMNS": "120"})
    assert result.exit_code == 1
    assert "11,368" in result.output
    assert "DIFFERS" in result.output
    assert "documents, train, documents, dev, documents, test, documents: other id lists" in result.output
    assert "5 of 6 differ" in result.output


def test_agreement_is_exit_code_0(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the numbers of this data as the published ones."""
    published = Published(documents={"train": (1,), "dev": (0,), "test": (0,)}, codes={"all": 1})
    monkeypatch.setattr(mimic3, "MIMIC3", {"50": published})
    result = CliRunner().invoke(verify_data, ["mimic3", "--data", str(data)])
    assert result.exit_code == 0, result.output
    assert "all 6 agree" in result.output


def test_json(data: Path) -> None:
    """The same numbers for a program, with the same exit code."""
    result = CliRunner().invoke(verify_data, ["mimic3", "--data", str(data), "--json"])
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert not answer["agrees"]
    by_name = {check["name"]: check for check in answer["checks"]}
    codes = by_name["codes"]
    assert (codes["expected"], codes["found"], codes["agrees"]) == ([50], 1, False)
    assert by_name["patients in two splits"]["agrees"]
