"""Checkpoints that are none are refused, and a good one brings everything back."""

from pathlib import Path

import pytest
import torch
from torch import nn

from model.errors import LabelSpaceMismatch, MalformedInput
from training.optimise.checkpoint import Progress, RunState, load_checkpoint, save_checkpoint, save_weights
from training.optimise.contrastive import ContrastiveTerm


def trained() -> RunState:
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return RunState(network, optimizer)


def moments(state: RunState) -> dict[int, dict[str, torch.Tensor]]:
    found: dict[int, dict[str, torch.Tensor]] = state.optimizer.state_dict()["state"]
    return found


def test_weights_optimiser_random_state_and_progress_come_back(tmp_path: Path) -> None:
    """Bit by bit."""
    state, other = trained(), trained()
    state.progress = Progress(epoch=3, epoch_step=2, step=7, best_map=0.5, best_epoch=1, epoch_loss=0.1, tokens=9)
    state.random = {"cpu": torch.get_rng_state()[None]}
    save_checkpoint(tmp_path / "last", state, {"seed": 1})
    load_checkpoint(tmp_path / "last", other, {"seed": 1})
    assert other.progress == state.progress
    assert torch.equal(other.random["cpu"], state.random["cpu"])
    assert torch.equal(other.network.weight, state.network.weight)
    before, after = moments(state), moments(other)
    assert all(torch.equal(before[index][name], after[index][name]) for index in before for name in before[index])


class Remembering(ContrastiveTerm):
    """A term with one tensor of memory."""

    def __init__(self, memory: torch.Tensor) -> None:
        super().__init__(nn.Identity())
        self.memory = memory

    def state(self) -> dict[str, torch.Tensor]:
        return {"memory": self.memory}

    def load_state(self, state: dict[str, torch.Tensor]) -> None:
        self.memory = state["memory"]


def test_what_the_contrastive_term_remembers_comes_back(tmp_path: Path) -> None:
    """Under a prefix of its own."""
    state, other = trained(), trained()
    state.contrastive, other.contrastive = Remembering(torch.arange(4.0)), Remembering(torch.zeros(0))
    save_checkpoint(tmp_path / "last", state, {})
    load_checkpoint(tmp_path / "last", other, {})
    assert torch.equal(other.contrastive.memory, torch.arange(4.0))


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    """Bare weights, and bytes of anything else."""
    state = trained()
    save_weights(tmp_path / "best", state.network)
    (tmp_path / "noise").write_bytes(b"\x80\x04noise")
    for name in ("best", "noise"):
        with pytest.raises(MalformedInput, match=name):
            load_checkpoint(tmp_path / name, state, {})


@pytest.mark.parametrize("place", [0.3, 0.6, 0.99])
def test_a_single_flipped_bit_is_noticed(tmp_path: Path, place: float) -> None:
    """Wherever it is: in the weights, the moments, or the progress in the header."""
    state = trained()
    save_checkpoint(tmp_path / "last", state, {"seed": 1})
    content = bytearray((tmp_path / "last").read_bytes())
    content[int(len(content) * place)] ^= 1
    (tmp_path / "last").write_bytes(content)
    before = state.network.weight.clone()
    with pytest.raises(MalformedInput, match="last"):
        load_checkpoint(tmp_path / "last", state, {"seed": 1})
    assert torch.equal(state.network.weight, before)


def test_a_checkpoint_of_another_run_names_the_difference(tmp_path: Path) -> None:
    """And what to do."""
    state = trained()
    save_checkpoint(tmp_path / "last", state, {"seed": 1})
    with pytest.raises(LabelSpaceMismatch, match="seed = 1, this run has 2"):
        load_checkpoint(tmp_path / "last", state, {"seed": 2})
