"""Assigned codes that a label space cannot express: they count in every denominator."""

from collections.abc import Sequence

import numpy as np

from model.dataset import Dataset, Document


def codes_outside(dataset: Dataset, documents: Sequence[Document]) -> np.ndarray:
    """Assigned codes of each document that the label space lacks, (n,)."""
    return np.array(
        [len({code for code in document.codes if dataset.labels.column(code) is None}) for document in documents]
    )
