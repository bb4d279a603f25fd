"""Folders beside the data and the bundle, whatever way the path is spelled."""

from pathlib import Path

import pytest

from training.optimise.run_folders import beside, cache_folder
from training.retrieval.evaluate import RetrievalRequest


def test_the_current_folder_has_a_name_beside_which_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--data .` works for training and for retrieval alike."""
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    assert beside(Path(), ".run") == tmp_path / "data.run"
    assert cache_folder(Path(), None) == tmp_path / "data.cache"
    assert RetrievalRequest(Path("b"), Path(), "dev", Path("o")).cache_folder == tmp_path / "data.cache"


def test_a_chosen_cache_is_taken_as_it_is() -> None:
    """--cache wins over the name beside the data."""
    assert cache_folder(Path("data"), Path("elsewhere")) == Path("elsewhere")
