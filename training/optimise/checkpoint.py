"""One checkpoint as one safetensors file: nothing is pickled, and a digest tells a damaged file from a good one."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from model.atomic_output import write_atomically
from model.errors import LabelSpaceMismatch, MalformedInput
from training.optimise.contrastive import ContrastiveTerm

FORMAT = "icd-coder checkpoint 2"


@dataclass
class Progress:
    """Where a run stands; all of it is in the checkpoint."""

    epoch: int = 0
    """Epoch that is under way, from 0."""
    epoch_step: int = 0
    """Optimiser steps done in it."""
    step: int = 0
    """Optimiser steps done in all."""
    best_map: float = -1.0
    best_epoch: int = -1
    bad_epochs: int = 0
    seconds: float = 0.0
    """Of all finished epochs, validation included."""
    tokens: int = 0
    """Read in all finished epochs, by training alone."""
    epoch_loss: float = 0.0
    """Sum over the notes of the epoch under way."""
    epoch_notes: int = 0
    epoch_tokens: int = 0
    epoch_seconds: float = 0.0

    def end_step(self, loss: float, notes: int, tokens: int, seconds: float) -> None:
        """Count an optimiser step; ``loss`` is the mean over its notes."""
        self.step += 1
        self.epoch_step += 1
        self.epoch_loss += loss * notes
        self.epoch_notes += notes
        self.epoch_tokens += tokens
        self.epoch_seconds += seconds

    def judge_epoch(self, score: float | None = None) -> bool:
        """Whether the epoch under way is the best so far by its validation score; without one the last is."""
        if score is None:
            self.best_epoch = self.epoch
            return True
        improved = score > self.best_map
        self.bad_epochs = 0 if improved else self.bad_epochs + 1
        if improved:
            self.best_map, self.best_epoch = score, self.epoch
        return improved

    def end_epoch(self) -> None:
        """Count the epoch under way as finished."""
        self.epoch += 1
        self.seconds += self.epoch_seconds
        self.tokens += self.epoch_tokens
        self.epoch_step = self.epoch_notes = self.epoch_tokens = 0
        self.epoch_loss = self.epoch_seconds = 0.0


@dataclass
class RunState:
    """All that a run changes, and a checkpoint holds."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    contrastive: ContrastiveTerm | None = None
    progress: Progress = field(default_factory=Progress)
    random: dict[str, Tensor] = field(default_factory=dict)
    """Of all processes, see training.optimise.distributed."""


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The weights that training changes; frozen ones come from the encoder again."""
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    return {name: value.detach().cpu() for name, value in network.state_dict().items() if name in trained}


def save_checkpoint(path: Path, state: RunState, identity: dict[str, Any]) -> None:
    """Write the state; a kill at any moment leaves the old file or the new."""
    tensors = {f"network.{name}": value for name, value in trained_state(state.network).items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.detach().cpu() for name, value in moments.items()}
    if state.contrastive is not None:
        tensors |= {f"contrastive.{name}": value.detach().cpu() for name, value in state.contrastive.state().items()}
    tensors |= {f"random.{name}": value for name, value in state.random.items()}
    metadata = {"progress": json.dumps(vars(state.progress)), "identity": json.dumps(identity)}
    _write(path, tensors, {"format": FORMAT, **metadata})


def load_checkpoint(path: Path, state: RunState, identity: dict[str, Any]) -> None:
    """Bring ``state`` back to where the checkpoint was written; its random states are left for the caller to set.

    Raises:
        MalformedInput: the file is damaged or of another version.
        LabelSpaceMismatch: it belongs to a run with another label space or other options; both are named.
    """
    tensors, metadata = _read(path)
    if metadata.get("format") != FORMAT:
        raise MalformedInput(f"'{path}' is no checkpoint of this version: remove it to start anew")
    found = json.loads(metadata["identity"])
    for name, value in identity.items():
        if found.get(name) != value:
            raise LabelSpaceMismatch(
                f"the checkpoint '{path}' was made with {name} = {found.get(name)}, this run has {value}: "
                "use the same options and data with --resume, or choose another --out"
            )
    restore_weights(state.network, _part(tensors, "network."))
    optimizer = state.optimizer.state_dict()
    optimizer["state"] = _optimizer_state(_part(tensors, "optimizer."))
    state.optimizer.load_state_dict(optimizer)
    if state.contrastive is not None:
        state.contrastive.load_state(_part(tensors, "contrastive."))
    state.random = _part(tensors, "random.")
    state.progress = Progress(**json.loads(metadata["progress"]))


def save_weights(path: Path, network: nn.Module) -> None:
    """Write the trained weights alone: the best so far."""
    _write(path, trained_state(network), {})


def load_weights(path: Path, network: nn.Module) -> None:
    """Bring back what :func:`save_weights` wrote."""
    restore_weights(network, _read(path)[0])


def restore_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    expected = set(trained_state(network))
    if set(weights) != expected:
        raise MalformedInput("the checkpoint holds other weights than this network: choose another --out")
    network.load_state_dict(weights, strict=False)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    write_atomically(path, save(tensors, {**metadata, "sha256": _digest(tensors, metadata)}))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    damaged = MalformedInput(f"the checkpoint '{path}' is damaged: remove it to start anew")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise damaged from error
    if metadata.pop("sha256", None) != _digest(tensors, metadata):
        raise damaged
    return tensors, metadata


def _digest(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """SHA-256 over names, values and metadata: safetensors itself notices a cut file, and no flipped bit."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, moment = name.split(".", 1)
        state.setdefault(int(index), {})[moment] = value
    return state
