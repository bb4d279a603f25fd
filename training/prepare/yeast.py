"""Yeast (Elisseeff and Weston 2001): 103 measurements of a gene and its 14 functional classes, from HDF5 files.

The files of the MulSupCon paper, `yeast_official_{train,val,test}.hdf5`, each with `feature` (n, 103) and `target`
(n, 14), the public Mulan set.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.atomic_output import require_free, sweep_abandoned
from model.errors import MalformedInput, MissingInput
from model.icd import Code
from model.labels import SPLITS
from training.prepare.dataset_directory import FeatureDocument, Record, Written, write_dataset
from training.prepare.source_files import hashed

SYSTEM = "yeast"
FILES = {"train": "yeast_official_train.hdf5", "dev": "yeast_official_val.hdf5", "test": "yeast_official_test.hdf5"}


def prepare_yeast(source: Path, out: Path) -> Written:
    """Write the dataset directory of the folder that holds the three files.

    Raises:
        MissingInput: a file, or the package h5py, is not there.
        MalformedInput: a file is not an HDF5, or its tables do not fit together.
        OutputExists, UnwritableOutput: see :func:`model.atomic_output.staged_directory`.
    """
    require_free(out)
    sweep_abandoned(out)
    record = Record({"source": "yeast"})
    documents = [document for split in SPLITS for document in _documents(source / FILES[split], split, record)]
    classes = {code for document in documents for code in document.codes}
    titles = {code: f"functional class {int(code.code)}" for code in classes}
    return write_dataset(out, documents, titles, record)


def _documents(path: Path, split: str, record: Record) -> Iterator[FeatureDocument]:
    features, targets = _read(path)
    record.source.append(hashed(path))
    record.count(f"{split}, genes", len(features))
    for row, (numbers, classes) in enumerate(zip(features, targets, strict=True)):
        name = f"{split}-{row}"
        codes = tuple(Code(SYSTEM, f"{column + 1:02d}") for column in np.flatnonzero(classes).tolist())
        yield FeatureDocument(name, name, split, "", codes, numbers)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingInput("reading HDF5 needs the package h5py: pip install 'icd-coder[study]'") from error
    if not path.is_file():
        raise MissingInput(f"'{path}' is missing: --source is the folder with {', '.join(FILES.values())}")
    try:
        with h5py.File(path, "r") as file:
            features, targets = np.asarray(file["feature"], np.float32), np.asarray(file["target"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise MalformedInput(f"'{path}' is not an HDF5 file with 'feature' and 'target': copy it again") from error
    if features.ndim != 2 or targets.ndim != 2 or len(features) != len(targets):
        raise MalformedInput(f"'{path}' has features {features.shape} and targets {targets.shape}: copy it again")
    return features, targets
