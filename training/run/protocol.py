"""The order in which the two losses train the network: together, or the contrastive one first and BCE after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.errors import LabelSpaceMismatch
from model.network.network import CodingNetwork
from model.private_files import make_folder
from training.optimise.checkpoint_folder import has_checkpoint
from training.optimise.loop import TrainingResult
from training.optimise.note_source import NoteSource
from training.optimise.without_label_attention import without_label_attention
from training.options import TrainingOptions
from training.run.neighbour_agreement import embed_notes, neighbour_jaccard

FIRST, SECOND = "stage-one", "stage-two"
"""Folders of the two stages within that of the run."""
WITHOUT = "without-fold-"
"""Folders of networks that are trained without one fold begin so."""

Validate = Callable[[np.ndarray], float]
Fit = Callable[[TrainingOptions, Path, dict[str, Any], Validate | None], TrainingResult]
"""``training.optimise.loop.fit`` on a network and its notes, but for options, folder, identity and validation."""


@dataclass(frozen=True)
class ProtocolResult:
    """What the last, or only, stage came to, and the one before it."""

    result: TrainingResult
    first_stage: TrainingResult | None = None


def begun_protocol(folder: Path) -> str | None:
    """The protocol of the run that left checkpoints in the folder, None where there is none."""
    if has_checkpoint(folder):
        return "joint"
    return "two-stage" if any(has_checkpoint(folder / stage) for stage in (FIRST, SECOND)) else None


def begun_run(folder: Path) -> bool:
    """Whether a run, or the run of one of its folds, left checkpoints in the folder."""
    folders = [folder, *folder.glob(f"{WITHOUT}*")]
    return any(begun_protocol(each) is not None for each in folders)


def require_same_protocol(folder: Path, options: TrainingOptions) -> None:
    """Raise if a run that is to go on was begun otherwise.

    Raises:
        LabelSpaceMismatch: with both protocols.
    """
    begun = begun_protocol(folder)
    if begun not in (None, options.protocol):
        raise LabelSpaceMismatch(
            f"the run in '{folder}' was begun with --protocol {begun}, this one has {options.protocol}: "
            "use the same options and data with --resume, or choose another --out"
        )


def run_protocol(
    network: CodingNetwork,
    dev: NoteSource,
    dev_subjects: Sequence[str],
    options: TrainingOptions,
    folder: Path,
    identity: dict[str, Any],
    validate: Validate | None,
    fit: Fit,
    device: str,
) -> ProtocolResult:
    """Train the network by ``options.protocol``.

    Two stages: the contrastive loss trains the encoder's free layers, the document embedding and the projection, and
    validation keeps the epoch whose dev notes lie nearest to dev notes of like codes. BCE then trains label attention,
    with ``--stage-two free`` the encoder's free layers too; document embedding and projection stay as they are. Each
    stage has its folder, its checkpoints and the full number of epochs: a stopped run goes on in the stage it was in.

    Args:
        dev_subjects: the patient of each validation note.
        validate: validation MAP of a score matrix (n, L); None keeps the last epoch, of the first stage too.
    """
    if options.protocol == "joint":
        return ProtocolResult(fit(options, folder, identity, validate))

    def agreement(_scores: np.ndarray) -> float:
        return neighbour_jaccard(embed_notes(network, dev, options, device), dev.rows, dev_subjects, dev.num_labels)

    for stage in (FIRST, SECOND):
        make_folder(folder / stage)
    with without_label_attention(network):
        first = fit(options, folder / FIRST, identity | {"stage": 1}, None if validate is None else agreement)
    for part in (network.document_embedding, network.projection_head):
        part.requires_grad_(False)
    if options.stage_two == "frozen":
        network.encoder.requires_grad_(False)
    torch.manual_seed(options.seed)  # the same start whether the first stage just ran or was read from its checkpoint
    alone = replace(options, loss="bce", protocol="joint", queue=0, match_scale=False)
    return ProtocolResult(fit(alone, folder / SECOND, identity | {"stage": 2}, validate), first)
