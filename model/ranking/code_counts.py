"""How often a code was selected rightly, wrongly, or not though it was assigned, on validation notes."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from model.errors import MalformedInput

FIELDS = ("columns", "true_positives", "false_positives", "false_negatives")


class CodeRecord(NamedTuple):
    """What the counts say of one code."""

    precision: float | None
    """Of the notes in which it was selected, the share to which it was assigned; None where it never was selected."""
    selected_notes: int
    recall: float | None
    """Of the notes to which it was assigned, the share in which it was selected; None where it never was assigned."""
    assigned_notes: int


@dataclass(frozen=True)
class CodeCounts:
    """Counts of the K codes that were selected or assigned at all.

    Shape:
        every array int64 (K,); columns ascending.
    """

    notes: int
    """Validation notes."""
    columns: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray

    def of(self, column: int) -> CodeRecord:
        """The record of one code, of zeros for one that was neither selected nor assigned."""
        place = int(np.searchsorted(self.columns, column))
        if place == len(self.columns) or self.columns[place] != column:
            return CodeRecord(None, 0, None, 0)
        true = int(self.true_positives[place])
        selected, assigned = true + int(self.false_positives[place]), true + int(self.false_negatives[place])
        return CodeRecord(
            true / selected if selected else None, selected, true / assigned if assigned else None, assigned
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {"notes": self.notes} | {name: getattr(self, name).tolist() for name in FIELDS}


def counts_from_json(value: Any) -> CodeCounts:
    """The counts that :meth:`CodeCounts.to_json` wrote.

    Raises:
        MalformedInput: other fields, or arrays that do not fit together.
    """
    problem = "the counts of single codes do not fit together: copy the bundle again, or train it again"
    try:
        arrays = [np.array(value[name], dtype=np.int64) for name in FIELDS]
        notes = int(value["notes"])
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise MalformedInput(problem) from error
    columns, *counts = arrays
    if any(array.shape != columns.shape or array.ndim != 1 or (array < 0).any() for array in arrays):
        raise MalformedInput(problem)
    if (np.diff(columns) <= 0).any() or any((each > notes).any() for each in counts):
        raise MalformedInput(problem)
    return CodeCounts(notes, *arrays)
