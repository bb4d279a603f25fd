"""A run keeps its last two checkpoints, and a damaged one never costs more than the steps since the one before."""

from pathlib import Path

import pytest
import torch
from torch import nn

from model.errors import LabelSpaceMismatch, MalformedInput
from training.optimise.checkpoint import Progress, RunState
from training.optimise.checkpoint_folder import (
    DAMAGED,
    LAST,
    PREVIOUS,
    CheckpointClock,
    has_checkpoint,
    keep_checkpoint,
    resume_checkpoint,
    set_damaged_aside,
)


def state_at(step: int) -> RunState:
    network = nn.Linear(2, 1)
    return RunState(network, torch.optim.AdamW(network.parameters()), progress=Progress(step=step))


def kept(folder: Path, *steps: int) -> Path:
    for step in steps:
        keep_checkpoint(folder, state_at(step), {"seed": 1})
    return folder


def resumed(folder: Path) -> int:
    state = state_at(0)
    resume_checkpoint(folder, state, {"seed": 1})
    return state.progress.step


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    """And nothing else."""
    assert not has_checkpoint(tmp_path)
    kept(tmp_path, 1, 2, 3)
    assert resumed(tmp_path) == 3
    (tmp_path / LAST).replace(tmp_path / "aside")
    assert resumed(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aside", PREVIOUS]


@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_a_damaged_last_one_gives_way_to_the_previous(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """A warning names both; the damaged file never becomes the previous one."""
    last = kept(tmp_path, 1, 2) / LAST
    if damage == "cut":
        last.write_bytes(last.read_bytes()[:-3])
    else:
        last.unlink()
    assert resumed(tmp_path) == 1
    warning = capsys.readouterr().err
    assert LAST in warning
    assert PREVIOUS in warning
    set_damaged_aside(tmp_path)
    assert (tmp_path / DAMAGED).exists() == (damage == "cut")
    kept(tmp_path, 5)
    assert resumed(tmp_path) == 5
    last.write_bytes(b"")
    assert resumed(tmp_path) == 1


def test_without_a_previous_one_the_damage_is_told(tmp_path: Path) -> None:
    """With the next step."""
    (kept(tmp_path, 1) / LAST).write_bytes(b"noise")
    with pytest.raises(MalformedInput, match="remove it to start anew"):
        resumed(tmp_path)


def test_another_run_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    """The previous checkpoint is no way around other options."""
    kept(tmp_path, 1, 2)
    with pytest.raises(LabelSpaceMismatch, match="seed"):
        resume_checkpoint(tmp_path, state_at(0), {"seed": 2})


def test_a_disk_without_hard_links_keeps_both_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By renaming."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refused)
    kept(tmp_path, 1, 2)
    assert resumed(tmp_path) == 2
    (tmp_path / LAST).unlink()
    assert resumed(tmp_path) == 1


def test_the_clock_counts_from_the_last_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes after it, and not before; 0 is due at once."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    clock = CheckpointClock(2)
    now = 219.0
    assert not clock.due()
    now = 220.0
    assert clock.due()
    clock.restart()
    assert not clock.due()
    assert CheckpointClock(0).due()
