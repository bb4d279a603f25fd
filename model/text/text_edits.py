"""Edits of a text that remember where each character came from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Edit:
    """``text[start:end]`` is replaced; offsets in code points."""

    start: int
    end: int
    new: str


@dataclass(frozen=True)
class PlainNote:
    """A note as it is read, and as it was sent.

    Shape:
        starts, ends (N,) int64, or None where both texts are the same: the part of the text as sent that each of the N
        characters stands for, end exclusive; both ascend.
    """

    text: str
    """As it is read: line ends are "\\\\n", and there are no tags, entities or escapes."""
    sent: str
    starts: np.ndarray | None = None
    ends: np.ndarray | None = None

    def as_sent(self, start: int, end: int) -> tuple[int, int]:
        """The part of the text as sent that a span of the text, not empty, stands for."""
        if self.starts is None or self.ends is None:
            return start, end
        return int(self.starts[start]), int(self.ends[end - 1])

    def as_read(self, start: int, end: int) -> tuple[int, int]:
        """The span of the text that a part of the text as sent became; empty where nothing is left of it."""
        if self.starts is None or self.ends is None:
            return start, end
        first = int(np.searchsorted(self.ends, start, side="right"))
        return first, max(first, int(np.searchsorted(self.starts, end, side="left")))

    def edited(self, edits: Sequence[Edit]) -> "PlainNote":
        """The note after edits of its text, which ascend and do not overlap; linear in the text."""
        if not edits:
            return self
        edits = [*edits, Edit(len(self.text), len(self.text), "")]
        start, end, size = np.array([(edit.start, edit.end, len(edit.new)) for edit in edits], dtype=np.int64).T
        kept_from = np.concatenate([[0], end[:-1]])
        sizes = np.column_stack([start - kept_from, size]).ravel()  # what is kept, what is new, and so on
        first, last = (
            np.repeat(np.column_stack(each).ravel(), sizes) for each in ((kept_from, start), (kept_from, end))
        )
        kept = np.repeat(np.tile([True, False], len(edits)), sizes)
        within = np.arange(len(first)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        first, last = first + within * kept, last + (within + 1) * kept
        if self.starts is not None and self.ends is not None:
            first, last = np.append(self.starts, len(self.sent))[first], np.insert(self.ends, 0, 0)[last]
            last = np.maximum(first, last)
        parts = (
            self.text[place : edit.start] + edit.new for place, edit in zip(kept_from.tolist(), edits, strict=True)
        )
        return PlainNote("".join(parts), self.sent, first, last)
