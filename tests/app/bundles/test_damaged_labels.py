"""A bundle of the published, damaged codes answers on the user's word only."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.bundles.open_bundle import require_undamaged_labels
from icd_coder import root
from model.errors import InvalidOption
from tests.app.fakes import FakeCoder

DEFECT = "procedure codes were read as numbers"


def test_whole_labels_pass(coder: FakeCoder) -> None:
    """A card without the flag needs no word."""
    assert require_undamaged_labels(coder, Path("bundle"), allowed=False) is coder


def test_damaged_labels_pass_when_allowed(coder: FakeCoder) -> None:
    """--allow-damaged-labels."""
    coder.card["label_space_defect"] = DEFECT
    assert require_undamaged_labels(coder, Path("bundle"), allowed=True) is coder


@pytest.mark.parametrize("arguments", [["serve", "--port", "0", "--no-auth"], ["code", "note.txt"]])
def test_the_verbs_refuse_damaged_labels(
    coder: FakeCoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    """The sentence names the bundle, the defect, and both ways on."""
    coder.card["label_space_defect"] = DEFECT
    monkeypatch.setattr("app.inference.worker.load_coder", lambda bundle, device, *precision: coder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("Hypertension.", encoding="utf-8")
    error = CliRunner().invoke(root, [*arguments, "--bundle", "caml-bundle"]).exception
    assert isinstance(error, InvalidOption)
    assert f"'caml-bundle' was trained on damaged codes ({DEFECT})" in str(error)
    assert "--labels full" in str(error)
    assert "--allow-damaged-labels" in str(error)


def test_code_answers_when_allowed(coder: FakeCoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The flag is there for comparisons."""
    coder.card["label_space_defect"] = DEFECT
    monkeypatch.setattr("app.inference.worker.load_coder", lambda bundle, device, *precision: coder)
    (tmp_path / "note.txt").write_text("Hypertension.", encoding="utf-8")
    result = CliRunner().invoke(root, ["code", "--allow-damaged-labels", "--bundle", "b", str(tmp_path / "note.txt")])
    assert result.exit_code == 0
    assert "401.9" in result.stdout
