"""The label space: which codes a coder can answer with, in a fixed order."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from model.errors import MalformedInput
from model.icd import Code

SPLITS = ("train", "dev", "test")
LABELS_SCHEMA = pa.schema(
    [("system", pa.string()), ("code", pa.string()), ("title", pa.string())]
    + [(f"count_{split}", pa.int64()) for split in SPLITS]
)


@dataclass(frozen=True)
class Label:
    """One code of the label space with its number of documents in each split."""

    system: str
    code: str
    title: str
    count_train: int = 0
    count_dev: int = 0
    count_test: int = 0

    @property
    def key(self) -> Code:
        return Code(self.system, self.code)


@dataclass(frozen=True)
class LabelSpace:
    """Labels in the order of the coder's columns: by system, then by code."""

    labels: tuple[Label, ...]
    _columns: dict[Code, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        columns = {label.key: column for column, label in enumerate(self.labels)}
        if len(columns) != len(self.labels):
            raise MalformedInput("the label space names a code twice: prepare the data again")
        object.__setattr__(self, "_columns", columns)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, column: int) -> Label:
        return self.labels[column]

    def column(self, code: Code) -> int | None:
        """Column of a code, or None where the space does not hold it."""
        return self._columns.get(code)

    def columns(self, codes: Iterable[Code]) -> np.ndarray:
        """Sorted, distinct columns of the codes that the space holds, int64."""
        found = {column for code in codes if (column := self._columns.get(code)) is not None}
        return np.array(sorted(found), dtype=np.int64)

    @cached_property
    def train_counts(self) -> np.ndarray:
        """Training documents by column, int64 (L,)."""
        return np.array([label.count_train for label in self.labels], dtype=np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the ordered codes; equal fingerprints mean interchangeable columns."""
        lines = "\n".join(f"{label.system}\t{label.code}" for label in self.labels)
        return hashlib.sha256(lines.encode()).hexdigest()

    def extended(self, titles: Iterable[tuple[Code, str]]) -> "LabelSpace":
        """These labels, then the codes of ``titles`` that they lack, in the order given and with counts of 0.

        Raises:
            MalformedInput: ``titles`` names a missing code twice.
        """
        more = (Label(*code, title) for code, title in titles if self.column(code) is None)
        return LabelSpace((*self.labels, *more))

    def to_table(self) -> pa.Table:
        return pa.Table.from_pylist(
            [{name: getattr(label, name) for name in LABELS_SCHEMA.names} for label in self.labels],
            schema=LABELS_SCHEMA,
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> "LabelSpace":
        rows: list[dict[str, Any]] = table.select(LABELS_SCHEMA.names).to_pylist()
        return cls(tuple(Label(**row) for row in rows))


def multi_hot(rows: Sequence[np.ndarray], num_labels: int) -> np.ndarray:
    """Rows of columns as a boolean matrix (B, L)."""
    matrix = np.zeros((len(rows), num_labels), dtype=bool)
    for index, columns in enumerate(rows):
        matrix[index, columns] = True
    return matrix


def __getattr__(name: str) -> Any:
    """``LabelSets`` by the name that users know, without torch for those who only read labels."""
    if name == "LabelSets":
        from model.label_sets import LabelSets

        return LabelSets
    raise AttributeError(f"module 'model.labels' has no attribute '{name}'")
