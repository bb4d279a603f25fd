"""Checks the text of a note before it is coded."""

from model.errors import InvalidNote, NoteTooLong

MAX_CHARACTERS = 1_000_000
"""A limit against accidents, not a property of the encoder; the longest MIMIC-III summaries have about 60,000."""

DOCUMENTS = {"{\\rtf": "a rich text document", "%PDF-": "a PDF document"}
"""What begins so is the source of a document and not its text."""


def check_note(text: str, max_characters: int = MAX_CHARACTERS) -> None:
    """Raise unless the text can be coded; the message names positions and counts, never words.

    Raises:
        NoteTooLong: more than ``max_characters`` code points.
        InvalidNote: no visible character, a NUL, a lone surrogate (no character at all in Unicode), or the source of a
            document.
    """
    if len(text) > max_characters:
        raise NoteTooLong(
            f"the note has {len(text)} characters, the limit is {max_characters}: send the discharge summary alone"
        )
    if "\0" in text:
        raise InvalidNote(f"the note holds a NUL character at position {text.index(chr(0))}: remove it")
    surrogate = _first_surrogate(text)
    if surrogate is not None:
        raise InvalidNote(f"the note holds a lone surrogate at position {surrogate}: send it as valid Unicode")
    if not text.strip():
        raise InvalidNote("the note is empty: send the text of a discharge summary")
    for beginning, what in DOCUMENTS.items():
        if text.startswith(beginning):
            raise InvalidNote(f"the note is {what}: send its text alone")


def _first_surrogate(text: str) -> int | None:
    """Outside of any ``raise``: the codec's error carries the note, and an error raised here would carry it on."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None
