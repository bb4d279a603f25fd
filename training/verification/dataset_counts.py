"""Counts of a prepared dataset, from its documents alone; texts are not read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.dataset import FORMAT
from model.errors import MalformedInput, MissingInput
from model.labels import SPLITS


@dataclass(frozen=True)
class Census:
    """The distinct (document, code) pairs of a dataset; P of them over n documents and L codes."""

    manifest: dict[str, Any]
    systems: list[str]
    """System of each code (L,)."""
    codes: list[str]
    """Dotted code (L,)."""
    split: np.ndarray
    """Position in SPLITS of each document, int64 (n,)."""
    subjects: list[str]
    """Patient of each document."""
    pair_documents: np.ndarray
    """int64 (P,)."""
    pair_codes: np.ndarray
    """int64 (P,)."""

    def documents(self, *splits: str) -> int:
        """Documents of the splits, of all when none is named."""
        return int(np.isin(self.split, _positions(splits)).sum())

    def counts(self, *splits: str) -> np.ndarray:
        """Documents of the splits with each code, int64 (L,)."""
        inside = np.isin(self.split, _positions(splits))[self.pair_documents]
        return np.bincount(self.pair_codes[inside], minlength=len(self.codes))

    @property
    def patients_in_two_splits(self) -> int:
        """Patients with documents in more than one split; documents without a patient do not count."""
        of: dict[str, set[int]] = {}
        for subject, split in zip(self.subjects, self.split.tolist(), strict=True):
            if subject:
                of.setdefault(subject, set()).add(split)
        return sum(len(splits) > 1 for splits in of.values())


def read_census(path: Path) -> Census:
    """Count a dataset directory.

    Raises:
        MissingInput: the directory or one of its files is not there.
        MalformedInput: a file is not what the contract says.
    """
    manifest = _manifest(path)
    try:
        table = pq.read_table(path / "documents.parquet", columns=["subject_id", "split", "codes"])
        codes = table["codes"].combine_chunks()
        pairs = pc.list_flatten(codes)
        names = pc.binary_join_element_wise(pairs.field("system"), pairs.field("code"), "\t").dictionary_encode()
        split = pc.index_in(table["split"], pa.array(SPLITS)).to_numpy(zero_copy_only=False)
    except FileNotFoundError as error:
        raise MissingInput(f"'{path}' has no documents.parquet: prepare the data again") from error
    except (OSError, pa.ArrowException) as error:
        raise MalformedInput(f"'{path / 'documents.parquet'}' cannot be read: prepare the data again") from error
    if np.isnan(split.astype(np.float64)).any():
        raise MalformedInput(f"'{path}' has a document outside {', '.join(SPLITS)}: prepare the data again")
    spelled = [str(name).partition("\t") for name in names.dictionary.to_pylist()]
    keys = np.unique(pc.list_parent_indices(codes).to_numpy() * max(len(spelled), 1) + names.indices.to_numpy())
    documents, columns = np.divmod(keys, max(len(spelled), 1))
    return Census(
        manifest=manifest,
        systems=[system for system, _, _ in spelled],
        codes=[code for _, _, code in spelled],
        split=split.astype(np.int64),
        subjects=[subject or "" for subject in table["subject_id"].to_pylist()],
        pair_documents=documents.astype(np.int64),
        pair_codes=columns.astype(np.int64),
    )


def _manifest(path: Path) -> dict[str, Any]:
    file = path / "manifest.json"
    if not file.is_file():
        raise MissingInput(
            f"'{path}' is not a dataset directory (manifest.json is missing): make one with `icd-coder prepare`"
        )
    try:
        manifest: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MalformedInput(f"'{file}' is not JSON: prepare the data again") from error
    if not isinstance(manifest, dict):
        raise MalformedInput(f"'{file}' holds no JSON object: prepare the data again")
    if manifest.get("format") != FORMAT:
        raise MalformedInput(
            f"'{path}' has the format '{manifest.get('format')}', this version reads '{FORMAT}': prepare the data again"
        )
    return manifest


def _positions(splits: tuple[str, ...]) -> list[int]:
    return [SPLITS.index(split) for split in splits or SPLITS]
