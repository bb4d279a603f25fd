"""Checkpoints: one safetensors file each, written beside and renamed; nothing is pickled."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from model.errors import LabelSpaceMismatch, MalformedInput
from model.staging import write_atomically

FORMAT = "icd-coder checkpoint 1"


@dataclass
class Progress:
    """Where a run stands; all of it is in the checkpoint."""

    epoch: int = 0
    """Epoch that comes next, from 0: a run that was stopped within one begins it again."""
    step: int = 0
    """Optimiser steps done."""
    best_map: float = -1.0
    best_epoch: int = -1
    bad_epochs: int = 0
    seconds: float = 0.0
    """Of all finished epochs, validation included."""
    tokens: int = 0
    """Read in all finished epochs, by training alone."""


def trained_state(network: nn.Module) -> dict[str, Tensor]:
    """The weights that training changes; frozen ones come from the encoder again."""
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    return {name: value.detach().cpu() for name, value in network.state_dict().items() if name in trained}


def save_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    identity: dict[str, Any],
) -> None:
    """Write weights, optimiser, random state and position; a kill at any moment leaves the old file or the new."""
    tensors = {f"network.{name}": value for name, value in trained_state(network).items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.detach().cpu() for name, value in state.items()}
    tensors["rng.torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng.cuda"] = torch.cuda.get_rng_state(_device(network))
    metadata = {"format": FORMAT, "progress": json.dumps(vars(progress)), "identity": json.dumps(identity)}
    write_atomically(path, save({name: value.contiguous() for name, value in tensors.items()}, metadata))


def load_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, identity: dict[str, Any]
) -> Progress:
    """Bring network, optimiser and random state back to where the checkpoint was written.

    Raises:
        MalformedInput: the file is damaged.
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
    restore_weights(network, _part(tensors, "network."))
    state = optimizer.state_dict()
    state["state"] = _optimizer_state(_part(tensors, "optimizer."))
    optimizer.load_state_dict(state)
    torch.set_rng_state(tensors["rng.torch"])
    if "rng.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng.cuda"], _device(network))
    return Progress(**json.loads(metadata["progress"]))


def save_weights(path: Path, network: nn.Module) -> None:
    """Write the trained weights alone: the best so far."""
    write_atomically(path, save({name: value.contiguous() for name, value in trained_state(network).items()}))


def load_weights(path: Path, network: nn.Module) -> None:
    """Bring back what :func:`save_weights` wrote."""
    restore_weights(network, _read(path)[0])


def restore_weights(network: nn.Module, weights: dict[str, Tensor]) -> None:
    expected = set(trained_state(network))
    if set(weights) != expected:
        raise MalformedInput("the checkpoint holds other weights than this network: choose another --out")
    network.load_state_dict(weights, strict=False)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise MalformedInput(f"the checkpoint '{path}' cannot be read: remove it to start anew") from error


def _device(network: nn.Module) -> torch.device:
    """The GPU that the network draws its dropout on."""
    device = next(network.parameters()).device
    return device if device.type == "cuda" else torch.device("cuda")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer_state(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, field = name.split(".", 1)
        state.setdefault(int(index), {})[field] = value
    return state
