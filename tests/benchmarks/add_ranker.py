"""A new bundle from an old one: the same files and a ranker, fitted on the dev split.

The classifier must not have been fitted on dev, and neighbours come from the training split without the note's own
patient: so every feature is out of fold.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import require_free, staged_directory
from model.bundle import load_bundle, sign_bundle
from model.coder import Coder
from model.dataset import Dataset, Documents, load_dataset
from model.errors import InvalidOption
from model.progress import with_progress
from model.ranking.ranker_files import save_ranker
from training.evaluation.label_space import require_same_labels
from training.ranking.lexical_fit import lexical_fit
from training.ranking.ranker_fit import RankerFold, fit_ranker
from training.run.model_card import ranker_card


def add_ranker(bundle: Path, data: Path, out: Path, device: str = "cpu", code_set: str | None = None) -> str:
    """Write ``out``: the bundle with a ranker, with neighbours and without; returns the new bundle_id.

    Args:
        code_set: see :func:`training.ranking.lexical_fit.code_set_named`.

    Raises:
        InvalidOption: the bundle has a ranker already, was fitted on the dev split, or there is no such code set.
        LabelSpaceMismatch, EmptyDataset, OutputExists: bundle and data do not fit, dev is too small, out is taken.
    """
    require_free(out)
    coder, dataset = load_bundle(bundle, device), load_dataset(data)
    require_same_labels(coder, dataset, bundle)
    if coder.ranker is not None:
        raise InvalidOption(f"'{bundle}' has a ranker already: fit one on the bundle that it was made from")
    if coder.threshold.tuned_on != "dev":
        raise InvalidOption(f"'{bundle}' was fitted on the dev split, so dev cannot fit a ranker: train without it")
    lexical = lexical_fit(dataset, code_set)
    fitted = fit_ranker([_part(coder, dataset)], dataset.require("train"), lexical)
    with staged_directory(out) as staging:
        shutil.copytree(bundle, staging, dirs_exist_ok=True)
        save_ranker(staging / "ranker", fitted.ranker, len(coder.labels))
        _change_json(staging / "config.json", {"ranker": True})
        _change_json(staging / "card.json", {"ranker": ranker_card(fitted) | {"from_bundle": coder.bundle_id}})
        return sign_bundle(staging)


def _part(coder: Coder, dataset: Dataset) -> RankerFold:
    train, dev = dataset.require("train"), dataset.require("dev")
    corpus, _ = _read(coder, train, "training notes")
    embeddings, probabilities = _read(coder, dev, "dev notes")
    return RankerFold(train, corpus, dev, embeddings, probabilities)


def _read(coder: Coder, documents: Documents, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Every note through the encoder once: unit embeddings (n, H), the classifier's probabilities (n, L)."""
    embeddings = np.zeros((len(documents), coder.embedding_dim), dtype=np.float32)
    probabilities = np.zeros((len(documents), len(coder.labels)), dtype=np.float32)
    for place, document in enumerate(with_progress(documents, what, len(documents), "note")):
        scores = coder.score(document.text)
        embeddings[place], probabilities[place] = scores.embedding, scores.probabilities
    return embeddings, probabilities


def _change_json(path: Path, changed: dict[str, Any]) -> None:
    value = json.loads(path.read_text(encoding="utf-8")) | changed
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
