"""The text of a note's file, or what the file is instead and how to make text of it."""

import codecs

from model.errors import MalformedInput

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
HEAD = 512
NUL_SHARE = 0.2
"""Of the first bytes: every second one is NUL in UTF-16 of Western text without a mark."""
OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a Word document or a zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Word document of before 2007"),
    (b"\x1f\x8b", "compressed with gzip"),
)
"""First bytes, and what begins with them; a rich text document is found by check_note, as at every door."""


def decoded(content: bytes, name: str) -> str:
    """The text of the file, its line ends kept, so that offsets are valid for the file.

    Args:
        name: of the file, for messages.

    Raises:
        MalformedInput: it is no UTF-8 text; no word of it is told.
    """
    for magic, what in OTHERS:
        if content.startswith(magic):
            raise MalformedInput(f"{name} is {what}: save or unpack its text as a UTF-8 file")
    if content.startswith(UTF_16) or content[:HEAD].count(0) > NUL_SHARE * len(content[:HEAD]):
        raise MalformedInput(f"{name} is UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = error.start
    # Raised outside of the except block: the original error holds the note.
    raise MalformedInput(f"{name} is not UTF-8 (byte {byte}): convert it with `iconv -f WINDOWS-1252 -t UTF-8`")
