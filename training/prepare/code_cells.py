"""Reads the codes of a table's cells as hospitals write them; what is no code is counted and never quoted."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from model.icd import (
    ICD9CM,
    ICD9PCS,
    ICD10GM,
    Code,
    Fault,
    NoCode,
    add_dot,
    category_length,
    normalise,
    readings,
    visible,
)

NULL_WORDS = frozenset(
    {"NULL", "NAN", "NONE", "NA", "N/A", "<NA>", "#N/A", "\\N", "NIL", "NAT", "-", "--", "–", "—", "."}
)
"""Upper case: what databases, spreadsheets and data frames write where nothing is."""

_SEPARATOR = re.compile(r"[;,|、\s]+")
_QUOTES = "'\"`[]{}()“”‘’"
_MARKS = "*+†‡!#§-–—"
_JOINED = re.compile(r"[/+&]")
_PRESENT_ON_ADMISSION = re.compile(r"(.+?)(?:[:^_](?:POA[:=])?|\()[YNUW1]\)?")
_LONE_FLAG = re.compile(r"[YNUW]")
_CERTAINTY = re.compile(r"(.*?[0-9])([AGVZ][LRB]?|[LRB][AGVZ]?)")
_LONE_CERTAINTY = re.compile(r"(?<=[0-9A-Z])\s+(?=(?:[AGVZ][LRB]?|[LRB])(?![^\s;,|]))", re.IGNORECASE)
"""The blanks between a code of ICD-10-GM and its letters, which belong to it: "A" says that it is excluded."""
_EXCEL_TEXT = re.compile(r'="?([^"]*)"?')


class Change(StrEnum):
    """A known form that is read as a code, and what is done about it."""

    NULL = "NULL words passed over"
    WRAPPED = "brackets or quotes around codes removed"
    MARK = "marks after the code (* + † ‡ ! -) cut off"
    PRESENT_ON_ADMISSION = "present-on-admission flags cut off"
    CERTAINTY = "certainty or side letters of ICD-10-GM cut off"
    EXCLUDED = "excluded diagnoses (letter A of ICD-10-GM) left out"
    PADDING = "X padding of three-character codes cut off"
    JOINED = "codes joined by / + or & separated"


class Refusal(StrEnum):
    """Why a piece of a cell is no code; the first four are those of :class:`model.icd.Fault`."""

    EMPTY = Fault.EMPTY
    DOT = Fault.DOT
    CHARACTERS = Fault.CHARACTERS
    SHAPE = Fault.SHAPE
    DECIMAL_COMMA = "it follows a comma that looks like a decimal comma"
    AMBIGUOUS = "without a dot it is a code of several of the systems"
    VERSION = "no named system is of the row's ICD version"


EXAMPLES: tuple[tuple[str, str, str], ...] = (
    ("icd9cm", "4019", "written without its dot"),
    ("icd9cm", "486.", "a dot at the end"),
    ("icd10cm", " i10 ", "small letters, blanks around"),
    ("icd10cm", "I10; E11.9, J18.9|N18.9", "separated by ; , | or blanks"),
    ("icd10cm", "Ｉ１０；Ｅ１１.９", "full-width characters"),
    ("icd10cm", "I10\u200b", "invisible characters"),
    ("icd10cm", "['I10', 'E11.9']", Change.WRAPPED),
    ("icd10cm", '["I10", "E11.9"]', Change.WRAPPED),
    ("icd10cm", "{I10,E11.9}", Change.WRAPPED),
    ("icd10cm", "NULL", Change.NULL),
    ("icd10cm", "E11.4†; I48.91*; J18.9!", Change.MARK),
    ("icd10cm", "E11.-; I63-", Change.MARK),
    ("icd10cm", "I10:Y; E11.9^N", Change.PRESENT_ON_ADMISSION),
    ("icd10cm", "I10X", Change.PADDING),
    ("icd10cm", "I10/E11.9; J18.9+I10", Change.JOINED),
    ("icd10gm", "I10.90 G; M17.1 G R", Change.CERTAINTY),
    ("icd10gm", "I10.90A", Change.EXCLUDED),
    ("icd9cm", "41.49", Refusal.DOT),
    ("icd9cm", "39.61", Refusal.DOT),
    ("icd10cm", "E88.9.1", Refusal.SHAPE),
    ("icd10cm", "I48,91", Refusal.DECIMAL_COMMA),
    ("icd10cm", "I10^Hypertension^I10C", Refusal.CHARACTERS),
    ("icd10cm", "I10 - Hypertension", Refusal.SHAPE),
    ("icd9cm", "I50.9", Refusal.DOT),
)
"""(system, cell, what it shows): the table of the documentation is made of these, so that it cannot go stale."""


class Read(NamedTuple):
    """What a piece of a cell is: codes, or a refusal."""

    codes: tuple[Code, ...] = ()
    changes: tuple[Change, ...] = ()
    refusal: Refusal | None = None


class _Piece(NamedTuple):
    text: str
    version: str | None
    after_comma: bool


@dataclass
class Counts:
    """How often something occurs, and the first data row in which it does."""

    times: int = 0
    row: int = 0

    def add(self, times: int, row: int) -> None:
        """Count occurrences, the first of which is in ``row``."""
        self.row = min(self.row, row) if self.times else row
        self.times += times


@dataclass
class CodeColumn:
    """The cells of a column of codes: read each, then :meth:`resolve` them together.

    Whether "486" without a dot is the diagnosis 486 or the procedure 48.6 is seen from the other cells.
    """

    systems: tuple[str, ...]
    known: Collection[Code]
    """Codes that a table names."""
    _numbers: dict[_Piece, int] = field(default_factory=dict, init=False)
    _counts: list[Counts] = field(default_factory=list, init=False)

    def add(self, cell: str | Sequence[str | None] | None, row: int, version: str | None = None) -> tuple[int, ...]:
        """Numbers of the cell's pieces, for :meth:`resolve`.

        Args:
            row: number of the data row, the first is 1.
            version: "9" or "10" where the row says which revision of ICD its codes are of.
        """
        found = []
        for text, after_comma in pieces(cell, ICD10GM in self.systems):
            number = self._numbers.setdefault(_Piece(text, version, after_comma), len(self._numbers))
            if number == len(self._counts):
                self._counts.append(Counts())
            self._counts[number].add(1, row)
            found.append(number)
        return tuple(found)

    def resolve(self) -> "Resolved":
        """Every piece that was added, read with the whole column in sight."""
        dotted = any("." in piece.text.strip(".") for piece in self._numbers)
        reads = [self._read(piece, dotted) for piece in self._numbers]
        return Resolved(reads, self._counts, [piece.text for piece in self._numbers])

    def _read(self, piece: _Piece, dotted: bool) -> Read:
        systems = self.systems if piece.version is None else of_version(self.systems, piece.version)
        if not systems:
            return Read(refusal=Refusal.VERSION)
        return read_piece(piece.text, systems, self.known, dotted=dotted, after_comma=piece.after_comma)


@dataclass(frozen=True)
class Resolved:
    """The pieces of a column by their numbers. ``texts`` may hold words of a note: they are never shown."""

    reads: Sequence[Read]
    counts: Sequence[Counts]
    texts: Sequence[str] = field(repr=False)

    def codes(self, numbers: Sequence[int]) -> tuple[Code, ...]:
        """Distinct codes of a row in their order."""
        return tuple(dict.fromkeys(code for number in numbers for code in self.reads[number].codes))

    def refusals(self) -> dict[Refusal, Counts]:
        """How many pieces were refused, by the reason."""
        found: dict[Refusal, Counts] = {}
        for read, counts in zip(self.reads, self.counts, strict=True):
            if read.refusal is not None:
                found.setdefault(read.refusal, Counts()).add(counts.times, counts.row)
        return found

    def changes(self) -> Counter[Change]:
        """How many pieces were read from a form that is not the plain code."""
        found: Counter[Change] = Counter()
        for read, counts in zip(self.reads, self.counts, strict=True):
            for change in set(read.changes):
                found[change] += counts.times
        return found

    def assignments(self) -> Counter[Code]:
        """How often each code is assigned, repeated ones of a row included."""
        found: Counter[Code] = Counter()
        for read, counts in zip(self.reads, self.counts, strict=True):
            for code in read.codes:
                found[code] += counts.times
        return found

    def characters(self) -> str:
        """The characters that no code has, of the pieces refused for them: punctuation alone, never a letter."""
        refused = (t for read, t in zip(self.reads, self.texts, strict=True) if read.refusal is Refusal.CHARACTERS)
        return " ".join(sorted({c for text in refused for c in text if c.isascii() and not c.isalnum() and c != "."}))

    def refused_that_fit(self, systems: Sequence[str], known: Collection[Code]) -> int:
        """How many refused assignments are known codes of other systems."""
        return self._refused_but_known(systems, known, "")

    def refused_without_zero(self, systems: Sequence[str], known: Collection[Code]) -> int:
        """How many refused assignments are known codes once a zero stands in front."""
        return self._refused_but_known(systems, known, "0")

    def _refused_but_known(self, systems: Sequence[str], known: Collection[Code], front: str) -> int:
        pairs = zip(self.reads, self.counts, self.texts, strict=True)
        return sum(
            counts.times
            for read, counts, text in pairs
            if read.refusal is not None and any(code in known for code in readings(systems, front + text.strip()))
        )


def of_version(systems: Sequence[str], version: str) -> tuple[str, ...]:
    """The systems of a revision of ICD, "9" or "10"."""
    return tuple(system for system in systems if (system in (ICD9CM, ICD9PCS)) == (version == "9"))


def pieces(cell: str | Sequence[str | None] | None, certainty: bool = False) -> Iterator[tuple[str, bool]]:
    """Pieces of a cell with whether a comma alone stands in front; a list's items are cells of their own.

    Args:
        certainty: whether a letter after a blank belongs to the code before it, as in ICD-10-GM.
    """
    if cell is None:
        return
    if not isinstance(cell, str):
        for item in cell:
            yield from pieces(item, certainty)
        return
    text = visible(cell).strip()
    if text.upper() in NULL_WORDS:
        yield text.upper(), False
        return
    text = _LONE_CERTAINTY.sub("", text) if certainty else text
    start = 0
    separator = ""
    for found in _SEPARATOR.finditer(text):
        if found.start() > start:
            yield text[start : found.start()], separator == ","
        start, separator = found.end(), found[0]
    if start < len(text):
        yield text[start:], separator == ","


def read_piece(
    text: str, systems: Sequence[str], known: Collection[Code], *, dotted: bool = False, after_comma: bool = False
) -> Read:
    """The codes of one piece, or why it has none.

    Args:
        systems: those the piece may belong to, at least one.
        known: codes that a table names; they decide between systems, and about padding.
        dotted: whether the column's codes are written with dots, so that one without a dot is a whole category.
        after_comma: whether a comma without a blank stands in front.
    """
    piece, wrapped = _unwrapped(text.upper())
    if not piece or piece in NULL_WORDS:
        return Read(changes=(Change.NULL,))
    if after_comma and piece.isdigit() and (len(piece) <= 2 or not set(systems) & {ICD9CM, ICD9PCS}):
        return Read(refusal=Refusal.DECIMAL_COMMA)
    read = _known_form(piece, systems, known, dotted)
    if read.refusal is not None and len(parts := _JOINED.split(piece)) > 1 and all(parts):
        joined = [_known_form(part, systems, known, dotted) for part in parts]
        if all(part.refusal is None for part in joined):
            codes = tuple(code for part in joined for code in part.codes)
            read = Read(codes, (Change.JOINED, *(change for part in joined for change in part.changes)))
    return read._replace(changes=(*read.changes, Change.WRAPPED)) if wrapped and read.refusal is None else read


def _known_form(piece: str, systems: Sequence[str], known: Collection[Code], dotted: bool) -> Read:
    """A code, or a code in one of the forms of :class:`Change`."""
    read = _code(piece, systems, known, dotted)
    if read.refusal is None and not (read.codes[0] not in known and piece[-1:].isalpha()):
        return read
    if _LONE_FLAG.fullmatch(piece):
        return Read(changes=(Change.PRESENT_ON_ADMISSION,))
    for change, shorter in _shorter(piece):
        found = _code(shorter, systems, known, dotted)
        if found.refusal is None and _may_cut(change, found.codes[0], known):
            return Read(() if change is Change.EXCLUDED else found.codes, (change,))
    return read


def _may_cut(change: Change, code: Code, known: Collection[Code]) -> bool:
    """Letters are cut where the rest is surely a code: one that a table names, or one of ICD-10-GM.

    The letter A says "excluded" in ICD-10-GM alone; in ICD-10-CM it is an initial encounter.
    """
    if change is Change.EXCLUDED:
        return code.system == ICD10GM
    return change in (Change.MARK, Change.PRESENT_ON_ADMISSION) or code in known or code.system == ICD10GM


def _shorter(piece: str) -> Iterator[tuple[Change, str]]:
    """The piece without what may follow a code."""
    if (bare := piece.rstrip(_MARKS)) != piece:
        yield Change.MARK, bare
    if found := _PRESENT_ON_ADMISSION.fullmatch(piece):
        yield Change.PRESENT_ON_ADMISSION, found[1]
    if piece.rstrip("X") != piece:
        yield Change.PADDING, piece.rstrip("X")
    if found := _CERTAINTY.fullmatch(piece):
        yield (Change.EXCLUDED if "A" in found[2] else Change.CERTAINTY), found[1]


def _code(piece: str, systems: Sequence[str], known: Collection[Code], dotted: bool) -> Read:
    """The piece as a code of one of the systems, exactly as written."""
    found: list[Code] = []
    faults: list[Fault] = []
    for system in systems:
        try:
            found.append(normalise(system, piece))
        except NoCode as error:
            faults.append(error.fault)
    if len(found) > 1 and dotted and "." not in piece.strip("."):
        found = [code for code in found if len(code.code) <= category_length(*code)] or found
    if len(found) > 1:
        found = [code for code in found if code in known] or found
    if len(found) == 1:
        return Read((found[0],))
    if found:
        return Read(refusal=Refusal.AMBIGUOUS)
    worst = next(fault for fault in (Fault.DOT, Fault.CHARACTERS, Fault.SHAPE, Fault.EMPTY) if fault in faults)
    return Read(refusal=Refusal(worst))


def _unwrapped(piece: str) -> tuple[str, bool]:
    """The piece without brackets and quotes around it, and whether there were any that mean a list."""
    if (excel := _EXCEL_TEXT.fullmatch(piece)) is not None:
        return excel[1], True
    bare = piece.strip(_QUOTES) if not _PRESENT_ON_ADMISSION.fullmatch(piece) else piece
    return bare, bare != piece


def without_leading_zeros(codes: Collection[Code], known: Collection[Code]) -> list[Code]:
    """Codes that may have lost a zero: no code of their system begins with one, and a table names the padded one."""
    found = []
    for system in (ICD9CM, ICD9PCS):
        own = [code for code in codes if code.system == system]
        if not any(code.code.startswith("0") for code in own):
            padded = ((code, Code(system, add_dot(system, "0" + code.code.replace(".", "")))) for code in own)
            found += [code for code, longer in padded if longer in known and code.code[:1].isdigit()]
    return found
