"""Writing a file that holds patient data: beside, then renamed, and readable by its owner alone."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from model.errors import OutputExists, UnwritableOutput


def require_no_file(out: Path) -> None:
    """Raise OutputExists where the file is there already; call it before long work."""
    if out.exists():
        raise OutputExists(f"'{out}' is there already: remove it or choose another --out")


@contextmanager
def private_file(out: Path) -> Iterator[BinaryIO]:
    """Yield a file that becomes ``out`` when the block ends without an error; it is flushed to disk first.

    Raises:
        UnwritableOutput: it cannot be written, or the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.partial-", dir=out.parent) as folder:
            staged = Path(folder) / "staged"
            with staged.open("xb") as file:
                staged.chmod(0o600)
                yield file
                file.flush()
                os.fsync(file.fileno())
            staged.rename(out)
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write '{out}' ({error.strerror}): free some room, mend its permissions or choose another --out"
        ) from None
