"""Judge a bundle on a split, beside the baselines."""

from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import load_bundle
from model.coder import Coder
from model.dataset import Dataset, Document, Documents, load_dataset
from model.errors import LabelSpaceMismatch
from model.progress import with_progress
from model.staging import require_free
from training.dataset_gold import codes_outside
from training.evaluation.baselines import label_prior, neighbour_votes
from training.evaluation.report import ReportSubject, write_report


def evaluate_bundle(
    bundle: Path, data: Path, split: str, out: Path, baselines: bool = False, device: str = "cpu"
) -> dict[str, Any]:
    """Score every document of the split, write the report directory, and return report.json's content.

    Raises:
        LabelSpaceMismatch: the bundle answers with other codes than the dataset has.
        EmptyDataset: the split has no document.
    """
    require_free(out)
    dataset = load_dataset(data)
    documents = dataset.require(split)
    coder = load_bundle(bundle, device)
    require_same_labels(coder, dataset, bundle)
    scores = score_documents(coder, documents)
    rows = dataset.rows(documents)
    subject = ReportSubject(
        data=data.name,
        split=split,
        bundle_id=coder.bundle_id,
        threshold_source=f"{coder.threshold.policy}, best micro-F1 on {coder.threshold.tuned_on}",
    )
    return write_report(
        out,
        subject,
        scores,
        rows,
        dataset.labels,
        coder.threshold.value,
        codes_outside(dataset, documents),
        _baselines(dataset, documents, coder) if baselines else None,
    )


def score_documents(coder: Coder, documents: Documents) -> np.ndarray:
    """Probabilities (n, L) float32 of every document, with progress."""
    scores = np.zeros((len(documents), len(coder.labels)), dtype=np.float32)
    for row, document in enumerate(with_progress(documents, "notes", len(documents), "note")):
        scores[row] = coder.score(document.text).probabilities
    return scores


def require_same_labels(coder: Coder, dataset: Dataset, bundle: Path) -> None:
    """Raise unless bundle and dataset agree on every column."""
    if coder.labels.fingerprint != dataset.labels.fingerprint:
        raise LabelSpaceMismatch(
            f"'{bundle}' answers with {len(coder.labels)} codes and '{dataset.path}' has {len(dataset.labels)} others: "
            "evaluate on the data that the bundle was trained on, or train a bundle on this data"
        )


def _baselines(dataset: Dataset, documents: Documents, coder: Coder) -> dict[str, np.ndarray]:
    train: list[Document] = list(dataset.require("train"))
    rows = dataset.rows(train)
    return {
        "label prior": label_prior(rows, len(coder.labels), len(documents)),
        "TF-IDF neighbours (k = 30)": neighbour_votes(train, rows, list(documents), len(coder.labels)),
    }
