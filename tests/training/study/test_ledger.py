"""The folder of a study: what it takes for finished, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidOption, MalformedInput, MissingInput, UnwritableOutput
from training.study.cell import Cell, Setting, grid
from training.study.ledger import Ledger

CELL = Cell(Setting("sd", 0.07, 1.0, "plain"), 1)
LINE = {"figures": {"map": 0.5}, "factor": None}


def opened(folder: Path, steps: int = 1) -> Ledger:
    return Ledger.opened(folder, {"data": "tiny", "recipe": {"steps": steps}})


def test_a_finished_cell_is_found_again(tmp_path: Path) -> None:
    """Its line and its arrays."""
    opened(tmp_path / "study").add(CELL, LINE, {"ap": np.array([0.25, np.nan])})
    run = opened(tmp_path / "study").runs[CELL]
    assert run.figures == {"map": 0.5}
    np.testing.assert_array_equal(run.documents()["ap"], np.array([0.25, np.nan], dtype=np.float32))


def test_lines_of_earlier_versions_are_those_of_an_embedding_of_the_mean(tmp_path: Path) -> None:
    """They lack the field; a cell of the codes is another one, with a file of its own."""
    ledger = opened(tmp_path / "study")
    ledger.add(CELL, LINE, {"ap": np.ones(2)})
    path = tmp_path / "study" / "runs.jsonl"
    path.write_text(path.read_text().replace('"pooling": "mean", ', ""))
    assert "pooling" not in path.read_text()
    again = opened(tmp_path / "study")
    assert list(again.runs) == [CELL]
    of_codes = Cell(replace(CELL.setting, pooling="codes"), 1)
    again.add(of_codes, LINE, {"ap": np.zeros(2)})
    found = opened(tmp_path / "study").runs
    assert list(found) == [CELL, of_codes]
    np.testing.assert_array_equal(found[CELL].documents()["ap"], np.ones(2, dtype=np.float32))


def test_a_half_written_line_is_done_again(tmp_path: Path) -> None:
    """Killed within a line: the cell before it stays, the next line starts at its own beginning."""
    ledger = opened(tmp_path / "study")
    ledger.add(CELL, LINE, {"ap": np.ones(2)})
    with (tmp_path / "study" / "runs.jsonl").open("a") as file:
        file.write('{"loss": "any", "tempera')
    again = opened(tmp_path / "study")
    assert list(again.runs) == [CELL]
    other = Cell(CELL.setting, 2)
    again.add(other, LINE, {"ap": np.ones(2)})
    assert list(opened(tmp_path / "study").runs) == [CELL, other]


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    """Cells of two recipes are not compared."""
    opened(tmp_path / "study")
    with pytest.raises(InvalidOption, match="steps is 1, and this one's is 2"):
        opened(tmp_path / "study", steps=2)


def test_lines_and_folders_that_are_no_study_are_named(tmp_path: Path) -> None:
    """A whole line that is no run, a folder without a study, arrays that are gone."""
    ledger = opened(tmp_path / "study")
    ledger.add(CELL, LINE, {"ap": np.ones(2)})
    run = ledger.runs[CELL]
    run.path.unlink()
    with pytest.raises(MalformedInput, match="missing or damaged"):
        run.documents()
    (tmp_path / "study" / "runs.jsonl").write_text("{}\n")
    with pytest.raises(MalformedInput, match="no run"):
        opened(tmp_path / "study")
    with pytest.raises(MissingInput, match="icd-coder study losses"):
        Ledger.read(tmp_path)


def test_the_grid_has_every_cell_once_seed_by_seed() -> None:
    """BCE has neither tau nor lambda nor scale."""
    cells = grid(["bce", "sd"], [0.07, 0.5], [1.0, 2.0], ["plain", "matched"], 3)
    assert len(cells) == len(set(cells)) == 3 * (1 + 2 * 2 * 2)
    assert [cell.seed for cell in cells] == sorted(cell.seed for cell in cells)
    assert len({cell.key for cell in cells}) == len(cells)


def test_two_processes_do_not_add_to_one_study(tmp_path: Path) -> None:
    """The second is refused; after the first has ended, it sees the cells of the first."""
    one, two = opened(tmp_path / "study"), opened(tmp_path / "study")
    with one.claimed():
        one.add(CELL, LINE, {"ap": np.ones(2)})
        with pytest.raises(UnwritableOutput, match="another run is adding"), two.claimed():
            pass
    with two.claimed():
        assert list(two.runs) == [CELL]
