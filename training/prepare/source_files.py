"""Input files: their text, their hashes for the manifest, and what a message may show of them."""

import gzip
import hashlib
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from model.errors import MalformedInput, MissingInput

HASH_BLOCK = 1 << 20
LONGEST_ID = 40
"""Characters of an id that a message shows."""
LONGEST_NAME = 30
"""Characters of a column's name in messages; a longer one may be a note, in a file without a header."""
DAMAGED_GZIP = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading :func:`open_decompressed` raises where a compressed file breaks off or is damaged."""


def hashed(path: Path, stop: threading.Event | None = None) -> dict[str, Any]:
    """Manifest entry of one input file; incomplete once ``stop`` is set.

    Raises:
        MissingInput: the file cannot be read.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while (block := file.read(HASH_BLOCK)) and not (stop and stop.is_set()):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    return {"file": path.name, "bytes": size, "sha256": digest.hexdigest()}


@contextmanager
def hashing(paths: Sequence[Path]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Hash files in a thread while the block reads them. hashlib releases the GIL, and the file cache is shared.

    Yields a function that waits for the manifest entries, in the order of ``paths``; it raises as :func:`hashed`.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1, "hash") as thread:
        entries = [thread.submit(hashed, path, stop) for path in paths]
        try:
            yield lambda: [entry.result() for entry in entries]
        finally:
            stop.set()  # after an error or Ctrl-C, do not wait for 4 GB of hashing


def hashed_folder(name: str, paths: Iterable[Path]) -> dict[str, Any]:
    """Manifest entry of many small files: one hash over their sorted names and hashes.

    Raises:
        MissingInput: a file cannot be read.
    """
    digest = hashlib.sha256()
    files = size = 0
    for path in sorted(paths):
        entry = hashed(path)
        digest.update(f"{entry['file']}\t{entry['sha256']}\n".encode())
        files, size = files + 1, size + entry["bytes"]
    return {"folder": name, "files": files, "bytes": size, "sha256": digest.hexdigest()}


def read_text(path: Path) -> str:
    """Text of a small UTF-8 file, its line ends kept.

    Raises:
        MissingInput: the file cannot be read.
        MalformedInput: it is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(path, error.start) from error


def open_decompressed(path: Path) -> BinaryIO:
    """The decompressed bytes; gzip is recognised by its first bytes, as polars does."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if compressed else path.open("rb")  # type: ignore[return-value]


def not_utf8(path: Path, byte: int) -> MalformedInput:
    """The error for a file in another encoding; ``byte`` is the offset of the first offending byte."""
    with path.open("rb") as file:
        encoding = "UTF-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
    return MalformedInput(
        f"'{path}' is not UTF-8 (byte {byte:,}): convert it, for example with "
        f"`iconv -f {encoding} -t UTF-8 '{path.name}' > converted`, and name the converted file"
    )


def _unreadable(path: Path, error: OSError) -> MissingInput:
    return MissingInput(f"cannot read '{path}' ({error.strerror}): check the path and its permissions")


def shown_id(value: str) -> str:
    """The id as a message may show it, or "a long text" where it looks like part of a note.

    An option that names the wrong column would otherwise put a patient's words on the screen.
    """
    return value if len(value) <= LONGEST_ID and not any(letter.isspace() for letter in value) else "a long text"
