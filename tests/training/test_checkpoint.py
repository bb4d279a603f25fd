"""Checkpoints that are none are refused, and a good one brings everything back."""

from pathlib import Path

import pytest
import torch
from torch import nn

from model.errors import LabelSpaceMismatch, MalformedInput
from training.checkpoint import Progress, load_checkpoint, save_checkpoint, save_weights


def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return network, optimizer


def test_weights_optimiser_random_state_and_progress_come_back(tmp_path: Path) -> None:
    """Bit by bit."""
    network, optimizer = trained()
    progress = Progress(epoch=3, step=7, best_map=0.5, best_epoch=1, bad_epochs=2, seconds=1.5, tokens=9)
    save_checkpoint(tmp_path / "last", network, optimizer, progress, {"seed": 1})
    drawn = torch.rand(4)
    other, fresh = trained()
    assert load_checkpoint(tmp_path / "last", other, fresh, {"seed": 1}) == progress
    assert torch.equal(torch.rand(4), drawn)
    assert torch.equal(other.weight, network.weight)
    before, after = optimizer.state_dict()["state"], fresh.state_dict()["state"]
    assert all(torch.equal(before[index][name], after[index][name]) for index in before for name in before[index])


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    """Bare weights, and bytes of anything else."""
    network, optimizer = trained()
    save_weights(tmp_path / "best", network)
    (tmp_path / "noise").write_bytes(b"\x80\x04noise")
    for name in ("best", "noise"):
        with pytest.raises(MalformedInput, match=name):
            load_checkpoint(tmp_path / name, network, optimizer, {})


def test_a_checkpoint_of_another_run_names_the_difference(tmp_path: Path) -> None:
    """And what to do."""
    network, optimizer = trained()
    save_checkpoint(tmp_path / "last", network, optimizer, Progress(), {"seed": 1})
    with pytest.raises(LabelSpaceMismatch, match="seed = 1, this run has 2"):
        load_checkpoint(tmp_path / "last", network, optimizer, {"seed": 2})
