"""Evaluates the neighbours that a bundle finds, against the raw encoder, TF-IDF and other bundles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.atomic_output import require_free
from model.dataset import Dataset, Documents, load_dataset
from model.errors import InvalidOption
from training.evaluation.label_space import codes_outside, require_same_labels
from training.optimise.run_folders import cache_folder
from training.retrieval.coders import compare_coders
from training.retrieval.knn_coder import Labelled
from training.retrieval.measures import RARE, measure
from training.retrieval.neighbour_sources import RANDOM, Bundles, Corpus, Found, find_all, open_bundles
from training.retrieval.report import RetrievalSubject, write_retrieval_report

SPLITS = ("dev", "test")


@dataclass(frozen=True)
class RetrievalRequest:
    """What to evaluate, and what to compare it with."""

    bundle: Path
    data: Path
    split: str
    out: Path
    against: tuple[Path, ...] = ()
    encoder: str | None = None
    """The raw encoder; None takes the one that the bundle's card names."""
    cache: Path | None = None
    """Folder of the frozen layers' states that training left; None: DATA.cache. It is only read."""
    device: str = "cpu"
    seed: int = 0

    @property
    def cache_folder(self) -> Path:
        return cache_folder(self.data, self.cache)


def evaluate_retrieval(request: RetrievalRequest) -> dict[str, Any]:
    """Search the training documents for every document of the split, write the report, return retrieval.json.

    Raises:
        InvalidOption: a split other than dev and test, or an option that cannot be used.
        LabelSpaceMismatch: a bundle answers with other codes than the dataset has.
        EmptyDataset: the split, or the training split, has no document.
    """
    if request.split not in SPLITS:
        raise InvalidOption(f"--split must be dev or test, got '{request.split}'")
    require_free(request.out)
    dataset = load_dataset(request.data)
    train, evaluated = dataset.require("train"), dataset.require(request.split)
    bundles = open_bundles(request.bundle, request.against, request.encoder, request.device)
    require_same_labels(bundles.coder, dataset, request.bundle)
    queries = {request.split: evaluated}
    dev = _validation(dataset, request.split, bundles)
    if dev is not None:
        queries["dev"] = dev
    found = find_all(bundles, Corpus(train, queries, request.cache_folder), request.seed)
    train_rows, rows = dataset.rows(train), dataset.rows(evaluated)
    subjects = np.array(train.subject_ids, dtype=object)
    systems = {name: splits[request.split] for name, splits in found.neighbours.items()}
    measures = measure(systems, rows, evaluated.subject_ids, train_rows, subjects, len(dataset.labels))
    coders = compare_coders(
        _labelled(dataset, request.split, evaluated, found),
        None if dev is None else _labelled(dataset, "dev", dev, found),
        evaluated.subject_ids,
        train_rows,
        request.seed,
    )
    subject = _subject(request, dataset, bundles, rows, train_rows, dev is not None)
    return write_retrieval_report(request.out, subject, measures, coders)


def _validation(dataset: Dataset, split: str, bundles: Bundles) -> Documents | None:
    """The dev split, or None where it is evaluated itself, was trained on, or has no codes."""
    if split == "dev" or bundles.coder.threshold.tuned_on != "dev":
        return None
    dev = dataset.documents("dev")
    return dev if any(len(columns) for columns in dataset.rows(dev)) else None


def _labelled(dataset: Dataset, split: str, documents: Documents, found: Found) -> dict[str, Labelled]:
    """The documents with their neighbours by system, without the random system."""
    rows, extra = dataset.rows(documents), codes_outside(dataset, documents)
    return {
        name: Labelled(rows, extra, found.probabilities[split], splits[split])
        for name, splits in found.neighbours.items()
        if name != RANDOM
    }


def _subject(
    request: RetrievalRequest,
    dataset: Dataset,
    bundles: Bundles,
    rows: Sequence[np.ndarray],
    train_rows: Sequence[np.ndarray],
    on_dev: bool,
) -> RetrievalSubject:
    counts = np.bincount(
        np.concatenate([*train_rows, np.zeros(0, dtype=np.int64)]).astype(np.int64), minlength=len(dataset.labels)
    )
    return RetrievalSubject(
        data=request.data.resolve().name,
        split=request.split,
        bundle=bundles.name,
        bundle_id=bundles.coder.bundle_id,
        encoder=bundles.encoder_name,
        training_documents=len(train_rows),
        documents=len(rows),
        documents_with_codes=sum(len(columns) > 0 for columns in rows),
        rare_codes=int(((counts >= 1) & (counts <= RARE)).sum()),
        tuned_on="the dev split"
        if on_dev
        else f"each half of the patients of {request.split}, for the other half (2-fold)",
        seed=request.seed,
    )
