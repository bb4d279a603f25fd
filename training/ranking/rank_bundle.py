"""A new bundle from an old one: the same files and a ranker, fitted on the dev split.

The classifier must not have been fitted on dev, and neighbours come from the training split without the note's own
patient: so every feature is out of fold.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import load_bundle, sign_bundle
from model.coder import Coder
from model.dataset import Dataset, Documents, load_dataset
from model.errors import InvalidOption
from model.progress import with_progress
from model.ranking.channels import NEAREST
from model.ranking.gatherer import Gatherer, TextChannel
from model.ranking.neighbour_vote import VotingNeighbour
from model.ranking.ranker import Ranker
from model.ranking.ranker_files import save_ranker
from model.staging import require_free, staged_directory
from training.card import policies_card
from training.evaluate import require_same_labels
from training.ranking.fusion_fit import FittedFusion, JudgedNote, fit_fusion, fusion_card


@dataclass(frozen=True)
class _Read:
    """Notes as the encoder read them: classifier (n, L), unit embeddings (n, H)."""

    probabilities: np.ndarray
    embeddings: np.ndarray


def add_ranker(bundle: Path, data: Path, out: Path, device: str = "cpu") -> str:
    """Write ``out``: the bundle with a ranker, with neighbours and without; returns the new bundle_id.

    Raises:
        InvalidOption: the bundle has a ranker already, or was fitted on the dev split.
        LabelSpaceMismatch, EmptyDataset, OutputExists: bundle and data do not fit, dev is too small, out is taken.
    """
    require_free(out)
    coder, dataset = load_bundle(bundle, device), load_dataset(data)
    require_same_labels(coder, dataset, bundle)
    if coder.ranker is not None:
        raise InvalidOption(f"'{bundle}' has a ranker already: fit one on the bundle that it was made from")
    if coder.threshold.tuned_on != "dev":
        raise InvalidOption(f"'{bundle}' was fitted on the dev split, so dev cannot fit a ranker: train without it")
    without, with_neighbours, ranker = fit_ranker(coder, dataset)
    documents = ranker.gatherer.documents
    measured = {
        "without_neighbours": _measured(without, coder, documents),
        "with_neighbours": _measured(with_neighbours, coder, documents),
    }
    with staged_directory(out) as staging:
        shutil.copytree(bundle, staging, dirs_exist_ok=True)
        save_ranker(staging / "ranker", ranker, len(coder.labels))
        _change_json(staging / "config.json", {"ranker": True})
        _change_json(staging / "card.json", {"ranker": measured | {"from_bundle": coder.bundle_id}})
        return sign_bundle(staging)


def fit_ranker(
    coder: Coder, dataset: Dataset, text_channels: tuple[TextChannel, ...] = ()
) -> tuple[FittedFusion, FittedFusion, Ranker]:
    """Both fusions with what was measured, and the ranker that they make."""
    train, dev = dataset.require("train"), dataset.require("dev")
    corpus, queries = _read(coder, train, "training notes"), _read(coder, dev, "dev notes")
    neighbours = nearest(corpus.embeddings, train, queries.embeddings, dev)
    gatherer = Gatherer(coder.labels, len(train), text_channels)
    fitted = []
    for used in (False, True):
        notes = []
        for index, document in enumerate(dev):
            voters = neighbours[index] if used else None
            candidates = gatherer.candidates(document.text, queries.probabilities[index], voters)
            assigned = gatherer.codes.columns(document.codes)
            outside = len(set(document.codes)) - len(assigned)
            notes.append(JudgedNote(candidates, assigned, outside, document.subject_id))
        fitted.append(fit_fusion(notes))
    return fitted[0], fitted[1], Ranker(gatherer, fitted[0].fusion, fitted[1].fusion)


def nearest(
    corpus: np.ndarray, train: Documents, queries: np.ndarray, documents: Documents
) -> list[list[VotingNeighbour]]:
    """The most similar training notes of each query, nearest first, none of its own patient.

    Shape:
        corpus (T, H) and queries (n, H), unit rows.
    """
    subjects = np.array(train.subject_ids, dtype=object)
    codes = [document.codes for document in train]
    found = []
    for query, subject in zip(queries, documents.subject_ids, strict=True):
        similarities = corpus @ query
        if subject:
            similarities = np.where(subjects == subject, -np.inf, similarities)
        order = np.argsort(-similarities, kind="stable")[: max(NEAREST)]
        order = order[np.isfinite(similarities[order])]
        found.append([VotingNeighbour(float(similarities[place]), codes[place]) for place in order.tolist()])
    return found


def _read(coder: Coder, documents: Documents, what: str) -> _Read:
    """Every note through the encoder once."""
    scores = [coder.score(document.text) for document in with_progress(documents, what, len(documents), "note")]
    return _Read(np.stack([each.probabilities for each in scores]), np.stack([each.embedding for each in scores]))


def _measured(fitted: FittedFusion, coder: Coder, documents: int) -> dict[str, Any]:
    return fusion_card(fitted, coder.labels.train_counts / documents) | {"thresholds": policies_card(fitted.policies)}


def _change_json(path: Path, changed: dict[str, Any]) -> None:
    value = json.loads(path.read_text(encoding="utf-8")) | changed
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
