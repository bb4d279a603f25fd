"""Read notes from files, folders and standard input."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.cli.code.note_bytes import decoded
from model.errors import InvalidNote, InvalidOption, MissingInput, NoteTooLong
from model.text.note_text import MAX_CHARACTERS, check_note
from model.visible_files import visible_files

STANDARD_INPUT = "-"
BYTES_PER_CHARACTER = 4
"""Largest number in UTF-8."""


@dataclass(frozen=True)
class NoteFile:
    """A file with one note; for standard input ``path`` is None and ``piped`` holds its bytes."""

    note_id: str
    path: Path | None
    piped: bytes = b""

    @property
    def name(self) -> str:
        """The name of the file in messages."""
        return "standard input" if self.path is None else f"'{_valid(str(self.path))}'"

    def read(self, max_characters: int) -> str:
        """The decoded note; line ends are kept, so that offsets are valid for the file.

        Raises:
            MissingInput, MalformedInput, InvalidNote, NoteTooLong: the message names the file.
        """
        try:
            text = decoded(self._bytes(max_characters), self.name)
            check_note(text, max_characters)
        except InvalidNote as error:
            raise type(error)(f"{self.name}: {error}") from None
        return text

    def _bytes(self, max_characters: int) -> bytes:
        if self.path is None:
            if len(self.piped) > max_characters * BYTES_PER_CHARACTER:
                raise NoteTooLong(
                    f"the note has more than {max_characters} characters: send the discharge summary alone"
                )
            return self.piped
        try:
            size = self.path.stat().st_size
            if size > max_characters * BYTES_PER_CHARACTER:  # a wrong file must not fill the memory
                raise NoteTooLong(
                    f"the note has {size} bytes, the limit is {max_characters} characters: "
                    "send the discharge summary alone"
                )
            return self.path.read_bytes()
        except OSError as error:
            raise MissingInput(f"{self.name} cannot be read ({error.strerror}): fix the path") from None


def find_notes(places: Sequence[str]) -> list[NoteFile]:
    """The notes of files, folders (their ``*.txt``) and "-" for standard input, in the order given.

    Raises:
        MissingInput: a file or folder does not exist, or a folder has no ``*.txt``.
    """
    notes: list[NoteFile] = []
    for place in places:
        notes.extend(_at(place))
    return notes


def passed_over(places: Sequence[str]) -> list[str]:
    """A sentence for each folder with files that :func:`find_notes` does not take for notes; they count, unnamed."""
    told = []
    for folder in (Path(place) for place in places if place != STANDARD_INPUT and Path(place).is_dir()):
        visible, hidden = visible_files(path for path in folder.iterdir() if path.is_file())
        others = sum(not path.match("*.txt") for path in visible)
        reasons = [f"{hidden} with a dot in front of the name"] * bool(hidden) + [f"{others} without .txt"] * bool(
            others
        )
        if reasons:
            number = f"{hidden + others} file{'' if hidden + others == 1 else 's'}"
            told.append(f"'{_valid(str(folder))}': passed over {number}: {' and '.join(reasons)}")
    return told


def require_distinct_ids(notes: Sequence[NoteFile]) -> None:
    """Raise InvalidOption if two notes have the same id in the output."""
    names: dict[str, str] = {}
    for note in notes:
        if note.note_id in names:
            raise InvalidOption(
                f"{names[note.note_id]} and {note.name} would both be '{note.note_id}' in the output: "
                "rename one, or code them separately"
            )
        names[note.note_id] = note.name


def _valid(name: str) -> str:
    """The name of a file as Unicode; bytes that are not UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _at(place: str) -> list[NoteFile]:
    if place == STANDARD_INPUT:
        return [NoteFile("stdin", None, _piped())]
    path = Path(place)
    if path.is_dir():
        found = visible_files(path.glob("*.txt")).files
        if not found:
            raise MissingInput(f"the folder '{path}' has no *.txt file: name the files")
        return [NoteFile(_valid(file.stem), file) for file in found]
    if not path.is_file():
        raise MissingInput(
            f"'{_valid(place)}' {'is not a regular file' if path.exists() else 'does not exist'}: "
            "name a file, a folder of *.txt files, or - for standard input"
        )
    return [NoteFile(_valid(path.stem), path)]


def _piped() -> bytes:
    """Standard input, read up to one byte more than the longest note can have."""
    if sys.stdin is None:  # the shell closed it
        raise MissingInput("standard input is closed: pipe a note into it, or name a file")
    return sys.stdin.buffer.read(MAX_CHARACTERS * BYTES_PER_CHARACTER + 1)
