"""Classifiers trained without some of the notes, so that they can be asked about notes that they never saw."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save

from model.atomic_output import write_atomically
from model.dataset import Dataset, Document
from model.errors import LabelSpaceMismatch
from model.network.encoder_source import open_encoder
from model.private_files import make_folder
from training.optimise.note_source import NoteSource
from training.run.neighbour_agreement import embed_notes
from training.run.network import build_network, run_identity, train_network
from training.run.run_request import TrainingRequest

HELD_OUT = "held_out.safetensors"


@dataclass(frozen=True)
class HeldOut:
    """What a classifier says of the notes that it was not trained on, and where it puts all of them.

    Shape:
        places (h,) int64, ascending; probabilities (h, L) float32; embeddings (n, H) float32, of all notes.
    """

    places: np.ndarray
    probabilities: np.ndarray
    embeddings: np.ndarray


def train_without(
    request: TrainingRequest,
    dataset: Dataset,
    documents: Sequence[Document],
    notes: NoteSource,
    held: np.ndarray,
    folder: Path,
    as_sent: NoteSource | None = None,
) -> HeldOut:
    """Train on the other notes for all epochs, keep the last, and ask about the held-out ones.

    Nothing is chosen on the held-out notes: neither an epoch nor a threshold. A finished folder is read again.

    Args:
        notes: the documents as the network reads them.
        held: which documents are held out, bool (n,).
        as_sent: the documents as an answer reads them, where training hides words of them.

    Raises:
        LabelSpaceMismatch: the folder holds another run.
    """
    places, others = np.flatnonzero(held), np.flatnonzero(~held)
    training, asked = [documents[i] for i in others.tolist()], [documents[i] for i in places.tolist()]
    identity = run_identity(dataset, training, asked, request.options, request.least_patients)
    shown = notes if as_sent is None else as_sent
    if (folder / HELD_OUT).is_file():
        return _read(folder / HELD_OUT, places, identity)
    make_folder(folder)
    torch.manual_seed(request.options.seed)
    encoder = open_encoder(request.options.encoder, request.allow_download)  # anew: training may change its layers
    network = build_network(encoder, dataset, training, request.options)
    network.to(request.device)
    subjects = [document.subject_id for document in asked]
    run = train_network(request, network, notes.some(others), shown.some(places), subjects, folder, identity, None)
    embeddings = embed_notes(network, notes, request.options, request.device)
    if as_sent is not None:
        embeddings[places] = embed_notes(network, as_sent.some(places), request.options, request.device)
    found = HeldOut(places, run.result.dev_scores, embeddings)
    if request.processes.first:
        arrays = {"places": places, "probabilities": found.probabilities, "embeddings": embeddings}
        write_atomically(folder / HELD_OUT, save(arrays, {"identity": json.dumps(identity, sort_keys=True)}))
    return found


def _read(path: Path, places: np.ndarray, identity: dict[str, Any]) -> HeldOut:
    with safe_open(path, framework="numpy") as file:
        same = (file.metadata() or {}).get("identity") == json.dumps(identity, sort_keys=True)
        found = HeldOut(*(file.get_tensor(name) for name in ("places", "probabilities", "embeddings")))
    if not same or not np.array_equal(found.places, places):
        raise LabelSpaceMismatch(
            f"'{path.parent}' holds a fold of a run with other data or options: name another folder, or remove it"
        )
    return found
