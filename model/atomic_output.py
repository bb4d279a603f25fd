"""Atomic output: a file or directory is written beside its target and then renamed, so it is whole or absent.

Unfinished output is named ``.NAME.partial-xxxxxxxx`` and locked (flock) by the process that writes it. The kernel
drops the lock when that process dies, however it dies, so unlocked leftovers are abandoned and can be removed.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from model.errors import OutputExists, UnwritableOutput
from model.private_files import make_folder, set_modes


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes ``target`` when the block ends without an error.

    The directory lies beside the target, so that the rename is atomic; every file is flushed to disk first.
    Its files are private (:mod:`model.private_files`). Leftovers of killed runs of the same target are removed.

    Raises:
        OutputExists: the target is there already and is not an empty directory.
        UnwritableOutput: the parent directory cannot be written to, or the disk is full.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - "." has no name, and resolve() would follow a link
    require_free(target)
    with _naming(target.parent, "another --out"):
        make_folder(target.parent)
        sweep_abandoned(target)
        lock, staging = _claimed(lambda: _new_directory(target))
    try:
        yield staging
        set_modes(staging)
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
        os.close(lock)


def require_free(target: Path) -> None:
    """Raise OutputExists unless ``target`` is absent or an empty directory; call it before long work.

    A link is refused, because a directory cannot be renamed onto one.
    """
    if target.is_symlink():
        raise OutputExists(f"'{target}' is a link: name the folder that it leads to, or choose another --out")
    if not target.is_dir() or any(target.iterdir()):
        require_no_file(target)


def sweep_abandoned(target: Path) -> None:
    """Remove the unfinished output of killed runs of ``target``; that of a running process is left alone."""
    ours = re.compile(re.escape(f".{target.name}.partial-") + "[a-z0-9_]{8}")
    if not target.parent.is_dir():
        return
    for path in sorted(target.parent.iterdir()):
        if ours.fullmatch(path.name) and not path.is_symlink():
            _remove_abandoned(path)


@contextmanager
def staged_file(target: Path, is_secret: bool = False) -> Iterator[BinaryIO]:
    """Yield a file that replaces ``target`` when the block ends without an error.

    A reader sees the old content or the new, never half. The file is flushed to disk first. It is private; a secret is
    its owner's alone, also where the group may read other files.

    Raises:
        UnwritableOutput: the parent directory cannot be written to, or the disk is full.
    """
    with _naming(target.parent, "another place"):
        sweep_abandoned(target)
        handle, partial = _claimed(lambda: _new_file(target))
    with os.fdopen(handle, "wb") as file:
        try:
            yield file
            file.flush()
            if not is_secret:
                set_modes(partial)  # mkstemp's 0600 leaves the group out
            os.fsync(file.fileno())
            partial.replace(target)  # before the lock goes with the file's end
        except BaseException as error:
            partial.unlink(missing_ok=True)
            if isinstance(error, OSError):
                _raise_if_full(error, target.parent)
            raise
    _flush_directory(target.parent)


@contextmanager
def scratch_directory(name: Path) -> Iterator[Path]:
    """Yield a private folder beside the path ``name``, which is removed at the end; those of killed runs are removed.

    Raises:
        UnwritableOutput: the parent directory cannot be written to.
    """
    with _naming(name.parent, "another place"):
        sweep_abandoned(name)
        lock, folder = _claimed(lambda: _new_directory(name))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def write_atomically(target: Path, content: bytes, is_secret: bool = False) -> None:
    """Write a single file as :func:`staged_file` does."""
    with staged_file(target, is_secret) as file:
        file.write(content)


def require_no_file(target: Path) -> None:
    """Raise OutputExists where there is such a file, folder or link; call it before long work."""
    if target.exists() or target.is_symlink():
        raise OutputExists(f"'{target}' is there already: remove it or choose another --out")


@contextmanager
def _naming(folder: Path, instead: str) -> Iterator[None]:
    """Turn the block's OSError into an UnwritableOutput that names the folder and what to choose instead."""
    try:
        yield
    except OSError as error:
        raise UnwritableOutput(
            f"cannot write in '{folder}' ({error.strerror}): choose {instead} or fix its permissions"
        ) from error


def _raise_if_full(error: OSError, folder: Path) -> None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise UnwritableOutput(
            f"'{folder}' has no room left ({error.strerror}): free some space, or choose another --out"
        ) from error


def _new_directory(target: Path) -> tuple[int, Path]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=f".{target.name}.partial-", dir=target.parent))
        with suppress(FileNotFoundError):  # another run took it for abandoned before its lock was taken
            return os.open(path, os.O_RDONLY), path


def _new_file(target: Path) -> tuple[int, Path]:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.partial-", dir=target.parent)
    return handle, Path(name)


def _claimed(create: Callable[[], tuple[int, Path]]) -> tuple[int, Path]:
    """A new locked file or directory; made anew where another run took it for abandoned before the lock."""
    while True:
        handle, path = create()
        if _locked(handle, without_locks=True) and path.exists():
            return handle, path
        os.close(handle)


def _locked(handle: int, *, without_locks: bool) -> bool:
    """Whether the lock is ours now; ``without_locks`` answers for a file system that has none."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without_locks
    return True


def _remove_abandoned(path: Path) -> None:
    """Ours are files and folders; anything else, such as a pipe that nobody writes, was put there and stays."""
    try:
        if not _is_ours(path.lstat().st_mode):
            return
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # it may be another one by now
    except OSError:
        return  # gone meanwhile, or not ours to open
    try:
        if _is_ours(os.fstat(handle).st_mode) and _locked(handle, without_locks=False):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is_ours(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


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
