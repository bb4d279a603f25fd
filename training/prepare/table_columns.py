"""The columns of a user's table: their names, found in a header."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import InvalidOption, MalformedInput, MissingInput
from model.icd import GRAMMAR, visible
from training.prepare.source_files import LONGEST_NAME


@dataclass(frozen=True)
class TableColumns:
    """Names of the columns; ``document`` defaults to the row number, ``subject`` to the document.

    ``codes`` are names, the principal diagnosis first; one with a comma that is no column is several.
    ``version`` and ``date`` say of each row whether its codes are of ICD-9 or ICD-10.
    """

    text: str
    codes: str | Sequence[str]
    document: str | None = None
    subject: str | None = None
    split: str | None = None
    version: str | None = None
    date: str | None = None

    def __post_init__(self) -> None:
        if self.version and self.date:
            raise InvalidOption("--version-column and --date-column say the same thing: leave one of them out")

    def named(self) -> dict[str, str | Sequence[str] | None]:
        """What each option names, for the manifest."""
        shown = {"text": self.text, "codes": self.codes, "id": self.document, "subject": self.subject}
        return shown | {"version": self.version, "date": self.date}

    def positions(self, header: Sequence[str]) -> "Positions":
        """Where the columns are in a header.

        Raises:
            MissingColumn: the header lacks one.
            RepeatedColumn: it has one twice.
        """
        names = [visible(name).strip() for name in header]

        def place(name: str) -> int:
            wanted = visible(name).strip()
            if wanted not in names:
                raise MissingColumn(name)
            if Counter(names)[wanted] > 1:
                raise RepeatedColumn(name)
            return names.index(wanted)

        def places(name: str) -> list[int]:
            if visible(name).strip() in names or "," not in name:
                return [place(name)]
            return [place(part) for part in name.split(",") if part.strip()]

        given = [self.codes] if isinstance(self.codes, str) else self.codes
        codes = tuple(dict.fromkeys(found for name in given for found in places(name)))
        others = (self.document, self.subject, self.split, self.version, self.date)
        found = (None if name is None else place(name) for name in others)
        return Positions(place(self.text), codes, tuple(map(shown_name, header)), *found)

    def fits(self, header: Sequence[str]) -> bool:
        """Whether a header has the columns."""
        try:
            self.positions(header)
        except RepeatedColumn:
            return True
        except MissingColumn:
            return False
        return True

    def found_in(self, source: Path, header: Sequence[str]) -> "Positions":
        """As :meth:`positions`, with messages for the user.

        Raises:
            MissingInput: a column is not there; MalformedInput: it is there twice.
        """
        try:
            return self.positions(header)
        except MissingColumn as error:
            if any(map(_is_data, header)):
                raise MissingInput(
                    f"'{source}' has no column '{error}', and its first row seems to be no header: write the names of "
                    "the columns there"
                ) from None
            shown = ", ".join(header[:20])
            remedy = "name one of these" if len(header) > 1 else "name its --delimiter, or the column as it is spelled"
            raise MissingInput(f"'{source}' has no column '{error}' (found: {shown}): {remedy}") from None
        except RepeatedColumn as error:
            raise MalformedInput(
                f"'{source}' has several columns '{error}': give each a name of its own in the header, and name all "
                "that are to be read"
            ) from None

    def renamed_twins(self, header: Sequence[str]) -> list[str]:
        """Columns that a data frame renamed because the table had the name twice, such as "icd.1", and are not read."""
        given = [self.codes] if isinstance(self.codes, str) else list(self.codes)
        named = {part.strip() for name in given for part in (name, *name.split(","))}
        twins = {f"{name}{ending}" for name in named for ending in (".1", "_1", "_duplicated_0")}
        return [name for name in header if name.strip() in twins - named]


class MissingColumn(Exception):
    """A header lacks a column."""


class RepeatedColumn(Exception):
    """A header has a column several times."""


@dataclass(frozen=True)
class Positions:
    """Places of the columns in the header."""

    text: int
    codes: tuple[int, ...]
    names: tuple[str, ...]
    """The header, for messages."""
    document: int | None
    subject: int | None
    split: int | None
    version: int | None
    date: int | None


def _is_data(name: str) -> bool:
    """Whether a cell of the header is a number, a code or a long text, so that its row may be words of a note."""
    written = name.strip().upper()
    is_code = any(map(str.isdigit, written)) and any(form.fullmatch(written) for form in GRAMMAR.values())
    return is_code or len(name) > LONGEST_NAME or (bool(written) and not any(map(str.isalpha, written)))


def shown_name(name: str) -> str:
    """A column's name as a message may show it."""
    return name if len(name) <= LONGEST_NAME else "a long text"
