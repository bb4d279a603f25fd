"""Scores of any model, read from a file for `evaluate --scores`.

Two formats. ``.npy``: a matrix (documents, codes) of floats; rows in the order of the split's documents in
documents.parquet, columns in the order of labels.parquet. ``.parquet``: a column ``document_id`` and a column of floats
``SYSTEM:CODE``, such as ``icd9cm:428.0``, for every code of the label space; rows and columns in any order.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import LabelSpaceMismatch, MalformedInput, MissingInput
from model.labels import LabelSpace

COLUMNS_AT_ONCE = 512


def read_scores(path: Path, document_ids: list[str], labels: LabelSpace, split: str) -> np.ndarray:
    """Scores (n, L), float32 or float64, in the order of the documents and labels; an .npy is mapped, not read.

    Args:
        document_ids: of the split's documents, in order.
        split: its name, for the messages.

    Raises:
        MissingInput: no such file.
        MalformedInput: another format, other documents, a wrong shape, a value that is missing or NaN.
        LabelSpaceMismatch: columns that are no codes of the label space, or codes without a column.
    """
    if not path.is_file():
        raise MissingInput(f"'{path}' is no file: --scores names a .npy or .parquet with a score for every code")
    readers = {".npy": _read_npy, ".parquet": _read_parquet}
    if path.suffix not in readers:
        raise MalformedInput(f"'{path}' ends in '{path.suffix}': --scores names a .npy or a .parquet")
    scores = readers[path.suffix](path, document_ids, labels, split)
    if scores.size and np.isnan(scores.min()):
        row, column = np.argwhere(np.isnan(scores))[0]
        code = labels[int(column)]
        raise MalformedInput(
            f"'{path}' holds NaN, first at document '{document_ids[row]}', code {code.system}:{code.code}: "
            "give every document a number for every code, such as 0"
        )
    return scores


def _read_npy(path: Path, document_ids: list[str], labels: LabelSpace, split: str) -> np.ndarray:
    try:
        scores = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise MalformedInput(f"'{path}' is no whole .npy file of numbers: write it again with numpy.save") from error
    if not isinstance(scores, np.ndarray):
        raise MalformedInput(f"'{path}' holds several arrays: save the one matrix with numpy.save")
    expected = (len(document_ids), len(labels))
    if scores.shape != expected:
        raise MalformedInput(
            f"'{path}' has the shape {scores.shape}, the split '{split}' needs {expected} (documents, codes): "
            "write the rows in the order of documents.parquet and the columns in that of labels.parquet"
        )
    if scores.dtype not in (np.float16, np.float32, np.float64):
        raise MalformedInput(f"'{path}' holds {scores.dtype}, expected float32 or float64: convert it before saving")
    return scores.astype(np.float32) if scores.dtype == np.float16 else scores


def _read_parquet(path: Path, document_ids: list[str], labels: LabelSpace, split: str) -> np.ndarray:
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        if "document_id" not in names:
            raise MalformedInput(f"'{path}' has no column 'document_id': add one with the ids of documents.parquet")
        order = _order(path, file.read(columns=["document_id"])["document_id"].to_pylist(), document_ids, split)
        codes = [f"{label.system}:{label.code}" for label in labels.labels]
        _require_columns(path, names, codes)
        single = all(file.schema_arrow.field(code).type == pa.float32() for code in codes)
        scores = np.empty((len(document_ids), len(codes)), dtype=np.float32 if single else np.float64)
        for start in range(0, len(codes), COLUMNS_AT_ONCE):
            some = codes[start : start + COLUMNS_AT_ONCE]
            table = file.read(columns=some)
            for column, code in enumerate(some, start):
                values = table[code].cast(pa.float64()).to_numpy()  # null becomes NaN, which is refused
                scores[:, column] = values[order]
    except (OSError, pa.ArrowException) as error:
        raise MalformedInput(
            f"'{path}' cannot be read as a parquet of numbers: expected document_id and a float column for every code"
        ) from error
    return scores


def _order(path: Path, found: list[object], document_ids: list[str], split: str) -> np.ndarray:
    """Row of the file for each document."""
    rows = {str(document_id): row for row, document_id in enumerate(found)}
    if len(rows) != len(found):
        raise MalformedInput(f"'{path}' has a document_id twice: keep one row for each document")
    missing = [document_id for document_id in document_ids if document_id not in rows]
    if missing:
        raise MalformedInput(
            f"'{path}' lacks {len(missing)} of the {len(document_ids)} documents of the split '{split}', first "
            f"'{missing[0]}': score every document of the split"
        )
    if len(rows) > len(document_ids):
        other = next(iter(rows.keys() - set(document_ids)))
        raise MalformedInput(
            f"'{path}' has {len(rows)} documents, the split '{split}' {len(document_ids)} ('{other}' is none of them): "
            "keep the documents of one split in a file"
        )
    return np.array([rows[document_id] for document_id in document_ids], dtype=np.int64)


def _require_columns(path: Path, names: list[str], codes: list[str]) -> None:
    found, wanted = set(names) - {"document_id"}, set(codes)
    if len(found) + 1 != len(names):
        raise MalformedInput(f"'{path}' has a column twice: keep one column for each code")
    unknown, missing = sorted(found - wanted), sorted(wanted - found)
    if unknown:
        raise LabelSpaceMismatch(
            f"'{path}' has {len(unknown)} columns that are no code of the label space, first '{unknown[0]}': "
            "name columns SYSTEM:CODE as labels.parquet does, such as icd9cm:428.0, and leave others out"
        )
    if missing:
        raise LabelSpaceMismatch(
            f"'{path}' lacks {len(missing)} of the {len(codes)} codes, first '{missing[0]}': "
            "add a column of zeros for a code that the model cannot answer with"
        )
