"""What every reader of a table gives."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

Value = Any
"""A cell: str, int, float, bool, Decimal, bytes, a date, a list, a dict, or None."""


class Row(NamedTuple):
    """A data row: its number, the first is 1, and the cells that were asked for, in that order."""

    number: int
    values: Sequence[Value]


class RowReader(Protocol):
    """Reads the columns at some positions of the header, as often as asked."""

    def __call__(self, positions: Sequence[int]) -> Iterator[Row]: ...


@dataclass(frozen=True)
class Rows:
    """An opened table: its header as the file spells it, its rows, and how they are read."""

    header: tuple[str, ...]
    read: RowReader
    read_as: Mapping[str, str]
    """For the manifest and the screen: format, and what was sniffed."""
