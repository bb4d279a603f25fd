"""The reader of a dataset directory: documents.parquet, labels.parquet, manifest.json."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.errors import EmptyDataset, MalformedInput, MissingInput
from model.icd import Code
from model.labels import LABELS_SCHEMA, SPLITS, LabelSpace

FORMAT = "icd-coder dataset 1"
CODE_TYPE = pa.struct([("system", pa.string()), ("code", pa.string())])
DOCUMENTS_SCHEMA = pa.schema(
    [
        ("document_id", pa.string()),
        ("subject_id", pa.string()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("codes", pa.list_(CODE_TYPE)),
    ]
)
FEATURES = pa.field("features", pa.list_(pa.float32()))
FEATURES_SCHEMA = pa.schema([FEATURES if column.name == "text" else column for column in DOCUMENTS_SCHEMA])
"""Of a dataset whose documents are rows of numbers, such as measurements or pixels, instead of text."""
EVIDENCE = pa.field("evidence", pa.list_(pa.struct([*CODE_TYPE, ("start", pa.int32()), ("end", pa.int32())])))
"""Optional: which words made a human coder give a code; a discontinuous mention has a row for each part."""
IMAGE_SHAPE = "image_shape"
"""Key of the manifest: [height, width] of the images whose pixels, row by row, are the features."""


@dataclass(frozen=True)
class CodeSpan:
    """A stretch of a text that stands for a code; offsets are code points, end exclusive."""

    code: Code
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """One admission's discharge summary, or one case, with its assigned codes in order of priority."""

    document_id: str
    subject_id: str
    split: str
    text: str
    codes: tuple[Code, ...]
    evidence: tuple[CodeSpan, ...] | None = field(default=None, kw_only=True)
    """None where nobody marked evidence in the dataset."""


class Documents(Sequence[Document]):
    """Documents of a split, decoded one at a time from their Arrow table."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table.combine_chunks()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> list[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | list[Document]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return _document(self._table.slice(index, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Document]:
        for batch in self._table.to_batches(max_chunksize=256):
            for row in batch.to_pylist():
                yield _document(row)

    @property
    def ids(self) -> list[str]:
        ids: list[str] = self._table["document_id"].to_pylist()
        return ids

    @property
    def subject_ids(self) -> list[str]:
        ids: list[str] = self._table["subject_id"].to_pylist()
        return ids


@dataclass(frozen=True)
class Dataset:
    """A dataset directory that was read and checked."""

    path: Path
    labels: LabelSpace
    manifest: dict[str, Any]
    _table: pa.Table

    def documents(self, *splits: str) -> Documents:
        """Documents of the splits, in file order; of all splits when none is named."""
        return Documents(self._rows(splits).select(_text_columns(self._table)))

    def features(self, *splits: str) -> np.ndarray | None:
        """Features of the same documents in the same order, (n, F) float32; None in a dataset of texts."""
        if FEATURES.name not in self._table.schema.names:
            return None
        column = self._rows(splits)[FEATURES.name]
        matrix: np.ndarray = column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
        return matrix

    def _rows(self, splits: tuple[str, ...]) -> pa.Table:
        return self._table.filter(pc.is_in(self._table["split"], pa.array(splits))) if splits else self._table

    def require(self, split: str) -> Documents:
        """Documents of a split that must not be empty.

        Raises:
            EmptyDataset: the split has no document.
        """
        documents = self.documents(split)
        if not documents:
            raise EmptyDataset(
                f"'{self.path}' has no document in the split '{split}' (it has {self.split_sizes}): "
                "choose another --split or prepare the data with one"
            )
        return documents

    @cached_property
    def split_sizes(self) -> dict[str, int]:
        counts = pc.value_counts(self._table["split"]).to_pylist()
        return {row["values"]: row["counts"] for row in sorted(counts, key=lambda row: str(row["values"]))}

    def rows(self, documents: Sequence[Document]) -> list[np.ndarray]:
        """Label columns of each document."""
        return [self.labels.columns(document.codes) for document in documents]


def load_dataset(path: Path, features: bool = False) -> Dataset:
    """Read a dataset directory.

    Args:
        features: a dataset of features instead of texts is welcome too; the text of its documents is "".

    Raises:
        MissingInput: the directory or one of its files is not there.
        MalformedInput: a file is not what the contract says.
        EmptyDataset: there is no document.
    """
    for name in ("manifest.json", "labels.parquet", "documents.parquet"):
        if not (path / name).is_file():
            raise MissingInput(
                f"'{path}' is no dataset directory ({name} is missing): make one with `icd-coder prepare`"
            )
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MalformedInput(f"'{path / 'manifest.json'}' is no JSON: prepare the data again") from error
    if not isinstance(manifest, dict):
        raise MalformedInput(f"'{path / 'manifest.json'}' holds no JSON object: prepare the data again")
    if manifest.get("format") != FORMAT:
        raise MalformedInput(
            f"'{path}' has the format '{manifest.get('format')}', this version reads '{FORMAT}': prepare the data again"
        )
    labels = LabelSpace.from_table(_read(path / "labels.parquet", LABELS_SCHEMA))
    table = _documents(path / "documents.parquet", manifest, features)
    if table.num_rows == 0:
        raise EmptyDataset(f"'{path}' holds no document: look at the row counts in its manifest.json")
    unknown = set(pc.unique(table["split"]).to_pylist()) - set(SPLITS)
    if unknown:
        raise MalformedInput(
            f"'{path}' has the unknown splits {sorted(map(str, unknown))}: expected {', '.join(SPLITS)}"
        )
    return Dataset(path, labels, manifest, table)


def _documents(path: Path, manifest: dict[str, Any], features: bool) -> pa.Table:
    """The documents of either kind; those of features get a column of empty texts."""
    names = _column_names(path)
    if FEATURES.name not in names or "text" in names:
        if EVIDENCE.name not in names:
            return _read(path, DOCUMENTS_SCHEMA)
        table = _read(path, DOCUMENTS_SCHEMA.append(EVIDENCE))
        _check_evidence(path, table)
        return table
    if not features:
        raise MalformedInput(
            f"'{path}' holds features, not texts, which only `icd-coder study losses` reads: name a dataset of notes"
        )
    table = _read(path, FEATURES_SCHEMA)
    _check_features(path, table[FEATURES.name], manifest.get(IMAGE_SHAPE))
    return table.append_column("text", pa.array([""] * len(table), pa.string()))


def _text_columns(table: pa.Table) -> list[str]:
    return [*DOCUMENTS_SCHEMA.names, *({EVIDENCE.name} & set(table.schema.names))]


def _check_evidence(path: Path, table: pa.Table) -> None:
    """Spans lie inside their text and are not empty."""
    lists = table[EVIDENCE.name].combine_chunks()
    start, end = (pc.struct_field(pc.list_flatten(lists), name) for name in ("start", "end"))
    lengths = pc.take(pc.utf8_length(table["text"].combine_chunks()), pc.list_parent_indices(lists))
    inside = pc.and_(pc.and_(pc.greater_equal(start, 0), pc.less(start, end)), pc.less_equal(end, lengths))
    if inside.null_count or not pc.all(inside, min_count=0).as_py():
        raise MalformedInput(f"'{path}' has evidence outside of its text: prepare the data again")


def _check_features(path: Path, column: pa.ChunkedArray, image_shape: Any) -> None:
    """Rows of one length, of finite numbers, as many as an image of the shape has pixels."""
    lengths = sorted(pc.unique(pc.list_value_length(column)).to_pylist())
    if len(lengths) > 1 or lengths == [0]:
        raise MalformedInput(
            f"'{path}' has rows of {lengths[0]} to {lengths[-1]} features: give every document as many, above 0"
        )
    if not pc.all(pc.is_finite(pc.list_flatten(column)), min_count=0).as_py():
        raise MalformedInput(f"'{path}' has a feature that is no finite number: prepare the data again")
    if image_shape is not None and lengths and (len(image_shape) != 2 or lengths != [image_shape[0] * image_shape[1]]):
        raise MalformedInput(
            f"'{path}' has rows of {lengths[0]} pixels, and an image shape {image_shape}: prepare the data again"
        )


def _column_names(path: Path) -> list[str]:
    try:
        names: list[str] = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise MalformedInput(f"'{path}' cannot be read as parquet: prepare the data again") from error
    return names


def _read(path: Path, schema: pa.Schema) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise MalformedInput(f"'{path}' cannot be read as parquet: prepare the data again") from error
    for wanted in schema:
        if wanted.name not in table.schema.names:
            raise MalformedInput(f"'{path}' has no column '{wanted.name}': prepare the data again")
    try:
        table = table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError):
        # Not "from error": Arrow quotes the cell, which may be text.
        raise MalformedInput(f"'{path}' has a column of another type: prepare the data again") from None
    for name in schema.names:
        if table[name].null_count:
            raise MalformedInput(f"'{path}' has an empty cell in the column '{name}': prepare the data again")
    return table


def _document(row: dict[str, Any]) -> Document:
    codes = tuple(Code(code["system"], code["code"]) for code in row["codes"])
    spans = row.get(EVIDENCE.name)
    evidence = None if spans is None else tuple(map(_code_span, spans))
    return Document(row["document_id"], row["subject_id"], row["split"], row["text"], codes, evidence=evidence)


def _code_span(row: dict[str, Any]) -> CodeSpan:
    return CodeSpan(Code(row["system"], row["code"]), row["start"], row["end"])
