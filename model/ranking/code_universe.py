"""The codes that a ranker may propose: the label space first, then codes of a table that training never saw."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from model.errors import MalformedInput
from model.icd import ICD9CM, ICD9PCS, ICD10CM, Code
from model.labels import Label, LabelSpace

TRAINED = "trained"
UNIVERSES = {TRAINED: (), "icd10cm": (ICD10CM,), "icd9cm": (ICD9CM, ICD9PCS)}
"""What ``--code-universe`` takes, and the systems of the table behind it."""


class CodeUniverse:
    """Codes in the order of a ranker's columns; those of the label space have its columns."""

    def __init__(self, codes: Sequence[Label]) -> None:
        """
        Raises:
            MalformedInput: a code comes twice.
        """
        self.codes = tuple(codes)
        self._columns = {label.key: column for column, label in enumerate(self.codes)}
        if len(self._columns) != len(self.codes):
            raise MalformedInput("the code universe names a code twice: name one table of codes")

    @classmethod
    def of(cls, labels: LabelSpace, titles: Iterable[tuple[Code, str]] = ()) -> "CodeUniverse":
        """The label space, then the codes of a table that it lacks, in the table's order and with count 0."""
        more = [Label(*code, title) for code, title in titles if labels.column(code) is None]
        return cls([*labels.labels, *more])

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, column: int) -> Label:
        return self.codes[column]

    def column(self, code: Code) -> int | None:
        """Column of a code, or None where the universe does not hold it."""
        return self._columns.get(code)

    def columns(self, codes: Iterable[Code]) -> np.ndarray:
        """Sorted, distinct columns of the codes that the universe holds, int64."""
        found = {column for code in codes if (column := self._columns.get(code)) is not None}
        return np.array(sorted(found), dtype=np.int64)

    @cached_property
    def seen(self) -> np.ndarray:
        """Whether a training note has the code, bool (U,)."""
        return np.array([label.count_train > 0 for label in self.codes], dtype=bool)
