"""What a report keeps of each document, so that two reports can be compared document by document."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.labels import LabelSpace
from training.evaluation.gold import Gold
from training.evaluation.populations import Population
from training.evaluation.ranking_metrics import CUTOFFS, average_precisions, precisions_at, r_precisions, recalls_at

FILE = "documents.parquet"
RANKED = ("map", *(f"{name}_at_{k}" for k in CUTOFFS for name in ("precision", "recall")), "r_precision")
"""Metrics of a document, null where it has no assigned code."""


def write_documents(folder: Path, document_ids: Sequence[str], gold: Gold, counted: Mapping[str, Population]) -> None:
    """Write ``documents.parquet``: document_id, assigned, and for each population selected, true and RANKED."""
    columns: dict[str, pa.Array] = {
        "document_id": pa.array(document_ids, pa.string()),
        "assigned": pa.array(gold.totals),
    }
    for name, population in counted.items():
        columns[f"selected_{name}"] = pa.array(population.selection.document_selected)
        columns[f"true_{name}"] = pa.array(population.selection.document_true)
        for metric, values in _ranked(gold, population).items():
            whole = np.full(gold.num_documents, np.nan)
            whole[gold.labelled] = values
            columns[f"{metric}_{name}"] = pa.array(whole, from_pandas=True)  # NaN becomes null
    pq.write_table(pa.table(columns), folder / FILE)


def documents_fingerprint(document_ids: Sequence[str], gold: Gold, labels: LabelSpace) -> str:
    """SHA-256 of the documents in their order with their assigned codes, and of the label space.

    Equal fingerprints mean that two reports judge the same answers to the same questions.
    """
    digest = hashlib.sha256(labels.fingerprint.encode())
    for index, document_id in enumerate(document_ids):
        columns = gold.columns[gold.offsets[index] : gold.offsets[index + 1]]
        digest.update(f"{document_id}\t{','.join(map(str, columns.tolist()))}\t{gold.extra[index]}\n".encode())
    return digest.hexdigest()


def _ranked(gold: Gold, population: Population) -> dict[str, np.ndarray]:
    ahead = population.standing.ahead
    found = {"map": average_precisions(gold, ahead), "r_precision": r_precisions(gold, ahead)}
    for k in CUTOFFS:
        found[f"precision_at_{k}"] = precisions_at(gold, ahead, k)
        found[f"recall_at_{k}"] = recalls_at(gold, ahead, k)
    return found
