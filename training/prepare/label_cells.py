"""Reads the names of labels in a table's cells, which are no ICD codes: "Metabolism, cellular" is one.

No message shows a label: the column may be the wrong one, and hold words of a note.
"""

import ast
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.errors import InvalidOption, MalformedInput
from model.icd import LABELS, Code, visible
from training.prepare.dataset_directory import Record
from training.prepare.table_cells import WrongCell, is_null_word, utf8_text
from training.prepare.table_rows.rows import Value

LONGEST_LABEL = 100
"""Characters; what is longer is a sentence and no name."""
LONGEST_LIST = 100_000
"""Characters of a cell that is read as a list."""
SEPARATORS = {"semicolon": ";", "comma": ",", "pipe": "|", "tab": "\t", "slash": "/"}
NO_SEPARATOR = "none"
MARKS = frozenset({"0", "1", "true", "false", "yes", "no", "y", "n", "x"})
"""What the cells of a table with a column for each label hold, instead of names."""
_UNPRINTED = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's control characters, lone surrogates, and separators of lines and paragraphs."""
_ABOUT_COLUMNS = "check --labels, and name with --separator what stands between two labels"


def separator_named(given: str) -> str | None:
    """The separator of a name such as "comma", or itself; None for "none".

    Raises:
        InvalidOption: it is empty, or has a line break.
    """
    found = SEPARATORS.get(given.lower(), given)
    if given.lower() == NO_SEPARATOR:
        return None
    if not found or "\n" in found or "\r" in found:
        raise InvalidOption(
            f"--separator {given!r} separates no labels: name {', '.join(SEPARATORS)}, {NO_SEPARATOR}, or the "
            "characters themselves"
        )
    return found


@dataclass
class LabelCells:
    """Cells with names of labels, see :class:`training.prepare.table_documents.AssignedCells`.

    ``separator`` stands between the labels of a cell of text, None for cells of one label; a list needs none.
    """

    separator: str | None = ";"
    word: str = "label"
    _numbers: dict[str, int] = field(default_factory=dict, init=False)
    _times: list[int] = field(default_factory=list, init=False)
    """Rows of each label, by its number."""
    _null_words: int = field(default=0, init=False)
    _codes: list[Code] = field(default_factory=list, init=False)
    _texts_with: Counter[str] = field(default_factory=Counter, init=False)
    """Cells of text that hold each separator."""

    def value(self, cell: Value) -> list[str]:
        """The labels of a cell, in their order.

        Raises:
            WrongCell: it holds a label that is too long or has a line break, or what is no name.
        """
        items = cell if isinstance(cell, list) else self._items(cell)
        names = [name for name in map(_name, items) if name]
        labels = [name for name in names if not is_null_word(name)]
        self._null_words += len(names) - len(labels)
        return labels

    def add(self, value: Sequence[str], _row: int, _version: str | None, /) -> tuple[int, ...]:
        """Numbers of the labels; a repeated one counts once."""
        found = tuple(self._numbers.setdefault(name, len(self._numbers)) for name in dict.fromkeys(value))
        for number in found:
            if number == len(self._times):
                self._times.append(0)
            self._times[number] += 1
        return found

    def codes(self, numbers: Sequence[int]) -> tuple[Code, ...]:
        """Distinct labels as codes of the system ``labels``."""
        if len(self._codes) < len(self._numbers):
            self._codes = [Code(LABELS, name) for name in self._numbers]
        return tuple(self._codes[number] for number in dict.fromkeys(numbers))

    def check(self, source: Path, record: Record) -> Mapping[Code, str]:
        """Refuse marks instead of names, count and warn; a label's title is its name."""
        if len(self._numbers) > 1 and all(name.lower() in MARKS for name in self._numbers):
            raise MalformedInput(
                f"the columns of labels of '{source}' hold marks such as 0 and 1, expected names of labels: write the "
                "names of a note's labels in one column, or one name a row with --id"
            )
        record.count("pieces of label cells: NULL words passed over", self._null_words)
        record.warnings.extend(self._warnings())
        return {Code(LABELS, name): name for name in self._numbers}

    def _items(self, cell: Value) -> Sequence[Any]:
        """The pieces of a cell that is no list."""
        text = utf8_text(cell) if isinstance(cell, str | bytes) else None
        if text is None:
            return [cell]
        if (stripped := text.strip()).startswith("[") and stripped.endswith("]"):
            return _listed(stripped)
        self._texts_with.update(one for one in {*SEPARATORS.values(), self.separator} if one and one in stripped)
        return stripped.split(self.separator) if self.separator else [stripped]

    def _warnings(self) -> Iterator[str]:
        other = self._texts_with.most_common(1)
        if self.separator and not self._texts_with[self.separator] and other:
            character, cells = other[0]
            name = next(name for name, one in SEPARATORS.items() if one == character)
            yield (
                f"no cell of labels has the separator '{self.separator}', and {cells:,} have a {name}: name it with "
                f"--separator {name} if it stands between labels"
            )
        if alike := sum(times for times in Counter(map(_folded, self._numbers)).values() if times > 1):
            yield (
                f"{alike:,} labels differ from another one in capitals, blanks or invisible characters alone, and stay "
                "labels of their own: spell a label in one way"
            )
        if 2 * (once := self._times.count(1)) > len(self._times):
            yield f"{once:,} of the {len(self._times):,} labels are in one row each: {_ABOUT_COLUMNS}"


def _name(item: Value) -> str:
    """A label without blanks around; empty where nothing is."""
    if item is None or (isinstance(item, float) and math.isnan(item)):
        return ""
    if isinstance(item, int) and not isinstance(item, bool):
        return str(item)
    if not isinstance(item, str | bytes):
        raise WrongCell(
            f"a value of type {type(item).__name__}, expected names of labels as text or as a list of texts"
        )
    name = utf8_text(item).strip()
    if len(name) > LONGEST_LABEL:
        raise WrongCell(f"a label of {len(name):,} characters, expected at most {LONGEST_LABEL}: {_ABOUT_COLUMNS}")
    if any(unicodedata.category(character) in _UNPRINTED for character in name):
        raise WrongCell(f"a label with a line break or another control character: {_ABOUT_COLUMNS}")
    return name


def _listed(text: str) -> list[Any]:
    """The items of a list as JSON or Python writes it; NumPy's "['a' 'b']" is none, which Python would read as "ab"."""
    if len(text) <= LONGEST_LIST:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = _python_list(text)
        if isinstance(found, list):
            return found
    raise WrongCell("brackets around what is no list of texts in JSON: write it as JSON, or names with a separator")


def _python_list(text: str) -> Any:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return found if "".join(repr(found).split()) == "".join(text.split()) else None


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", visible(name)).casefold().split())
