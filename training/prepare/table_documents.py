"""Gathers the rows of a user's table into documents: rows of one id are one, and their other columns must agree."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from model.errors import InvalidNote, MalformedInput
from model.icd import Code
from model.text.note_text import check_note
from training.prepare.dataset_directory import Record
from training.prepare.equal_texts import text_digest
from training.prepare.icd_version import version_of, version_on
from training.prepare.splits import canonical_split
from training.prepare.table_cells import WrongCell, id_of, is_guarded, is_null_word, text_of
from training.prepare.table_columns import Positions, TableColumns
from training.prepare.table_rows.rows import Row, Value

EXCEL_CELL = 32_767
"""Characters that a cell of Excel holds at most; what is longer is cut off when it is saved."""
T = TypeVar("T")


class AssignedCells(Protocol):
    """The cells that say what a note is assigned: codes, or names of labels."""

    word: str
    """What they hold, as messages call it and as its option is named: code or label."""

    def value(self, cell: Value) -> Any:
        """The content of a cell; empty where it assigns nothing.

        Raises:
            WrongCell: it cannot be taken.
        """

    def add(self, value: Any, row: int, version: str | None, /) -> tuple[int, ...]:
        """Numbers of the pieces of a value of data row ``row``; ``version`` is the row's revision of ICD, if known."""

    def codes(self, numbers: Sequence[int]) -> tuple[Code, ...]:
        """Distinct codes of some pieces in their order, once every row was added."""

    def check(self, source: Path, record: Record) -> Mapping[Code, str]:
        """Count what was changed and left out, warn of what looks wrong, and give the titles.

        Raises:
            MalformedInput: the cells are not what they should be.
        """


@dataclass(slots=True)
class Entry:
    """A document without its text, which is in data row ``row``; ``digest`` is None where the text is missing."""

    row: int
    subject: str
    split: str
    digest: bytes | None
    cells: list[tuple[int, ...]]
    """Numbers of the pieces in the code cells of each of its rows, see :class:`AssignedCells`."""


@dataclass
class Gathering:
    """The documents of the rows that were added; rows to which nothing is assigned are counted only."""

    source: Path
    columns: TableColumns
    positions: Positions
    assigned: AssignedCells
    entries: dict[str, Entry] = field(default_factory=dict)
    rows: int = 0
    without_codes: int = 0
    null_notes: int = 0
    cut_notes: int = 0
    guards: int = 0
    _same: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    """Rows with equal cells share one tuple, to save memory."""

    def __post_init__(self) -> None:
        places = self.positions
        others = (places.document, places.subject, places.split, places.version, places.date)
        self.read = list(dict.fromkeys((places.text, *places.codes, *(one for one in others if one is not None))))
        """Positions of the columns that :meth:`add` takes."""

    def add(self, row: Row) -> None:
        """Take a row with the columns of :attr:`read`.

        Raises:
            MalformedInput: a cell cannot be taken, or the row does not agree with another one of its id.
        """
        self.rows += 1
        cells = dict(zip(self.read, row.values, strict=True))
        numbers = self._pieces(row.number, cells)
        if not numbers:
            self.without_codes += 1
            return
        numbers = self._same.setdefault(numbers, numbers)
        text = self._text(row.number, cells)
        digest = None if text is None else text_digest(text)
        document = self._id(row.number, cells, self.positions.document, "--id") or str(row.number)
        subject = self._id(row.number, cells, self.positions.subject, "--subject") or document
        split = self._split(row.number, cells)
        entry = self.entries.get(document)
        if entry is None:
            self.entries[document] = Entry(row.number, subject, split, digest, [numbers])
            return
        self._require_agreement(row.number, entry, subject, split, digest)
        entry.cells.append(numbers)

    def warn_of_notes(self, record: Record) -> None:
        """Count the notes that are a word such as NULL, and warn of those that a spreadsheet cut."""
        record.count("notes that are a word such as NULL or NaN, taken for none", self.null_notes)
        if self.guards:
            record.count("ids and notes whose quote before = + - @ tab or CR was taken off", self.guards)
            record.warnings.append(
                f"{self.guards:,} ids and notes begin with a quote before =, +, -, @, a tab or CR, which guards "
                "against formulas of spreadsheets: it was taken off"
            )
        if self.cut_notes:
            record.warnings.append(
                f"{self.cut_notes:,} notes have exactly {EXCEL_CELL:,} characters, the most that a cell of Excel "
                "holds, so their ends seem cut off: export them again without a spreadsheet"
            )

    def _pieces(self, number: int, cells: dict[int, Value]) -> tuple[int, ...]:
        found = [self._cell(number, cells, place, self.assigned.value) for place in self.positions.codes]
        if not any(cell.strip() if isinstance(cell, str) else cell for cell in found):
            return ()
        version = None
        if self.positions.version is not None:
            version = self._cell(number, cells, self.positions.version, version_of)
        elif self.positions.date is not None:
            version = self._cell(number, cells, self.positions.date, version_on)
        return tuple(piece for cell in found for piece in self.assigned.add(cell, number, version))

    def _text(self, number: int, cells: dict[int, Value]) -> str | None:
        text = self._cell(number, cells, self.positions.text, text_of)
        if text is None:
            self.null_notes += is_null_word(cells[self.positions.text])
            return None
        self.guards += is_guarded(cells[self.positions.text])
        try:
            check_note(text)
        except InvalidNote as error:
            raise MalformedInput(f"data row {number:,} of '{self.source}': {error}") from None
        self.cut_notes += len(text) == EXCEL_CELL
        return text

    def _id(self, number: int, cells: dict[int, Value], place: int | None, option: str) -> str | None:
        if place is None:
            return None
        value = self._cell(number, cells, place, id_of)
        self.guards += is_guarded(cells[place])
        if value is None:
            raise MalformedInput(
                f"data row {number:,} of '{self.source}' has nothing in the column '{self._name(place)}': fill it or "
                f"leave {option} out"
            )
        return value

    def _split(self, number: int, cells: dict[int, Value]) -> str:
        value = self._id(number, cells, self.positions.split, "--split")
        if value is None:
            return "train"
        if (split := canonical_split(value)) is None:
            shown = f"the unknown split '{value}'" if len(value) <= 20 else "a long text as its split"
            raise MalformedInput(
                f"data row {number:,} of '{self.source}' has {shown}: expected train, dev (or val, validation) or test"
            )
        return split

    def _cell(self, number: int, cells: dict[int, Value], place: int, read: Callable[[Value], T]) -> T:
        try:
            return read(cells[place])
        except WrongCell as error:
            raise MalformedInput(
                f"the column '{self._name(place)}' of '{self.source}' holds, in data row {number:,}, {error}"
            ) from None

    def _name(self, place: int) -> str:
        return self.positions.names[place]

    def _require_agreement(self, number: int, entry: Entry, subject: str, split: str, digest: bytes | None) -> None:
        pairs = {"note": (entry.digest, digest), "patient": (entry.subject, subject), "split": (entry.split, split)}
        differing = next((what for what, (one, other) in pairs.items() if one != other), None)
        if differing is not None:
            raise MalformedInput(
                f"data rows {entry.row:,} and {number:,} of '{self.source}' have one id but not one {differing}: rows "
                "of one --id become one document, so give every note an id of its own, or leave --id out"
            )
