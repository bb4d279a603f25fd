"""The encoding of a text file: by its byte order mark, by its bytes, or as named."""

import codecs
import string
from dataclasses import dataclass
from pathlib import Path

from model.errors import InvalidOption, MalformedInput
from training.prepare.source_files import DAMAGED_GZIP, open_decompressed

BLOCK = 1 << 20
WINDOWS = "cp1252"
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
MARKS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
SHOWN = {"utf-8-sig": "UTF-8 with a byte order mark", "utf-8": "UTF-8", WINDOWS: "Windows-1252"}
NUL_SHARE = 0.2
"""Of the first bytes: every second one is NUL in UTF-16 of Western text, hardly any in another encoding."""
LETTER_SHARE = 0.3
"""Above this share of letters outside ASCII a text is in no Western language; untuned."""
VALID_SHARE = 0.01
"""Bytes outside ASCII that happen to be UTF-8 in a Windows-1252 file are fewer than this; untuned."""
HIGH = bytes(range(128, 256))
CHOICES = "windows-1252, iso-8859-2, cp1251 or mac-roman"


@dataclass
class _Bytes:
    """Counts over a file's bytes."""

    letters: int = 0
    high: int = 0
    valid: int = 0
    line_feeds: int = 0
    returns: int = 0

    def add(self, block: bytes) -> None:
        high = len(block) - len(block.translate(None, HIGH))
        self.letters += len(block) - len(block.translate(None, string.ascii_letters.encode()))
        self.high += high
        self.valid += sum(len(c.encode()) for c in block.decode("utf-8", "ignore") if not c.isascii()) if high else 0
        self.line_feeds += block.count(b"\n")
        self.returns += block.count(b"\r")


def text_encoding(path: Path, named: str | None = None) -> str:
    """The codec that decodes the whole file; ``named`` overrules what its bytes say.

    Raises:
        InvalidOption: there is no encoding of that name.
        MalformedInput: the file is not of its encoding, or which one it has is not certain; the line is named.
    """
    mark = _byte_order_mark(path)
    codec = _named(named, mark) if named else mark or "utf-8"
    if (line := _undecodable_line(path, codec)) is None:
        return codec
    if named or mark:
        shown = named or SHOWN.get(codec, codec.upper())
        raise MalformedInput(
            f"'{path}' is not {shown} (line {line:,}): name its encoding with --encoding, or copy the file again"
        )
    if _surely_windows(path):
        return WINDOWS
    raise MalformedInput(
        f"'{path}' is not UTF-8 (line {line:,}), and which encoding it has is not certain: name it with --encoding, "
        f"for example {CHOICES}, or copy the file again if that line is damaged"
    )


def conversion(path: Path) -> str:
    """The name by which ``iconv -f`` knows the likely encoding of a file that is not UTF-8."""
    return "UTF-16" if _byte_order_mark(path) == "utf-16" else "WINDOWS-1252"


def shown_encoding(codec: str) -> str:
    """The name of a codec as people write it."""
    return SHOWN.get(codec, codec.upper())


def _byte_order_mark(path: Path) -> str | None:
    """The codec by the mark, or UTF-16 by its NULs where the mark is missing."""
    try:
        with open_decompressed(path) as file:
            head = file.read(4096)
    except DAMAGED_GZIP:
        raise _breaks_off(path, 1) from None
    for mark, codec in (*MARKS, *MARKS_16):
        if head.startswith(mark):
            return codec
    even, odd = head[::2].count(0), head[1::2].count(0)
    if even + odd > NUL_SHARE * len(head):
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _named(name: str, mark: str | None) -> str:
    try:
        info = codecs.lookup(name)
        "a".encode(name)  # a codec such as zip is none of text
    except (LookupError, ValueError):
        raise InvalidOption(f"--encoding {name} is no encoding: name one such as utf-8, utf-16 or {CHOICES}") from None
    return "utf-8-sig" if info.name == "utf-8" and mark == "utf-8-sig" else info.name


def _undecodable_line(path: Path, codec: str) -> int | None:
    """Number of the first line that the codec cannot decode; None where it decodes all."""
    decoder = codecs.getincrementaldecoder(codec)()
    line = 1
    try:
        with open_decompressed(path) as file:
            while block := file.read(BLOCK):
                line += decoder.decode(block).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeError as error:
        if isinstance(error, UnicodeDecodeError):
            return line + error.object[: error.start].count(b"\n")
        return line
    except DAMAGED_GZIP:
        raise _breaks_off(path, line) from None
    return None


def _breaks_off(path: Path, line: int) -> MalformedInput:
    return MalformedInput(f"'{path}' breaks off or is damaged after line {line:,}: copy or download it again")


def _surely_windows(path: Path) -> bool:
    """Whether a file that is not UTF-8 is Windows-1252: Western text, no UTF-8 in it, no line ends of an old Mac."""
    if _undecodable_line(path, WINDOWS) is not None:
        return False
    counts = _Bytes()
    with open_decompressed(path) as file:
        while block := file.read(BLOCK):
            counts.add(block)
    western = counts.high <= LETTER_SHARE * (counts.letters + counts.high)
    old_mac = counts.returns > 0 and counts.line_feeds == 0
    return western and not old_mac and counts.valid <= VALID_SHARE * counts.high
