"""How the label space of a bundle fits a dataset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.coder import Coder
from model.dataset import Dataset, Document
from model.errors import LabelSpaceMismatch


def codes_outside(dataset: Dataset, documents: Sequence[Document]) -> np.ndarray:
    """Assigned codes of each document that the label space lacks, (n,). They count in every denominator."""
    return np.array(
        [len({code for code in document.codes if dataset.labels.column(code) is None}) for document in documents]
    )


def require_same_labels(coder: Coder, dataset: Dataset, bundle: Path) -> None:
    """Check that bundle and dataset agree on every column.

    Raises:
        LabelSpaceMismatch: they differ.
    """
    if coder.labels.fingerprint != dataset.labels.fingerprint:
        raise LabelSpaceMismatch(
            f"'{bundle}' answers with {len(coder.labels)} codes and '{dataset.path}' has {len(dataset.labels)} others: "
            "evaluate on the data that the bundle was trained on, or train a bundle on this data"
        )
