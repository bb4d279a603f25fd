"""Write beside, then rename: an output directory is whole or absent."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import OutputExists, UnwritableOutput


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes ``target`` when the block ends without an error.

    The directory lies beside the target, so that the rename is atomic; every file is flushed to disk first.

    Raises:
        OutputExists: the target is there already and is not an empty directory.
        UnwritableOutput: the parent directory cannot be written to, or the disk is full.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - "." has no name, and resolve() would follow a link
    require_free(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write in '{target.parent}' ({error.strerror}): choose another --out or mend its permissions"
        ) from error
    try:
        staging.chmod(0o755)  # mkdtemp's 0700 would hide the result from the service's user
        yield staging
        _flush(staging)
        require_free(target)  # it may have been filled meanwhile
        if target.exists():
            target.rmdir()
        staging.rename(target)
        _flush_directory(target.parent)
    except OSError as error:
        _raise_if_full(error, target.parent)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def require_free(target: Path) -> None:
    """Raise OutputExists unless ``target`` is absent or an empty directory; call it before long work."""
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists():
        raise OutputExists(f"'{target}' is there already: remove it or choose another --out")


def write_atomically(target: Path, content: bytes) -> None:
    """Write a single file so that a reader sees the old content or the new, never half."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.partial-", dir=target.parent)
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write in '{target.parent}' ({error.strerror}): choose another place or mend its permissions"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            _raise_if_full(error, target.parent)
        raise
    _flush_directory(target.parent)


def _raise_if_full(error: OSError, folder: Path) -> None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise UnwritableOutput(
            f"'{folder}' has no room left ({error.strerror}): free some space, or choose another disk"
        ) from error


def _flush(directory: Path) -> None:
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _flush_directory(path)
    _flush_directory(directory)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
