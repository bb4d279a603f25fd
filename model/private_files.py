"""Modes of new files and folders: private to their owner, whatever the umask of the shell.

A dataset, a bundle and a database hold patients' notes or are derived from them. The variable
``ICD_CODER_GROUP_READABLE`` lets the group of the owner read them too; nothing lets others.
"""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from model.errors import InvalidOption

GROUP_READABLE = "ICD_CODER_GROUP_READABLE"
YES = frozenset({"1", "true", "t", "yes", "y", "on"})
NO = frozenset({"0", "false", "f", "no", "n", "off", ""})
ANYBODY_MAY_PASS = 0o011
"""Bits of a folder: its group, and others, may use what lies in it."""


def group_may_read() -> bool:
    """Whether the variable says so.

    Raises:
        InvalidOption: it is neither true nor false.
    """
    written = os.environ.get(GROUP_READABLE, "").strip().lower()
    if written not in YES | NO:
        raise InvalidOption(f"the setting {GROUP_READABLE} cannot be used: write true or false")
    return written in YES


def withheld() -> int:
    """The bits of a mode that no file has: all of others, and of the group all or only writing."""
    return 0o027 if group_may_read() else 0o077


def keep_private(group_readable: bool | None = None) -> None:
    """Let this process and its children create private files alone, and write no memory to disk when they crash.

    Args:
        group_readable: what the variable shall say from now on; None: what it says.

    Raises:
        InvalidOption: see :func:`group_may_read`.
    """
    if group_readable is not None:
        os.environ[GROUP_READABLE] = str(group_readable).lower()
    os.umask(withheld())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the notes that were in memory


def make_file(path: Path) -> None:
    """Create an empty private file where there is none; where that fails, who opens it says why."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.fchmod(handle, 0o666 & ~withheld())
        os.close(handle)


def make_folder(path: Path) -> None:
    """Create a private folder, and so those above it, where they are absent."""
    absent = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in absent:
        folder.chmod(0o777 & ~withheld())


def set_modes(path: Path) -> None:
    """Give a file, or a folder with all that it holds, the private modes: libraries choose others of their own."""
    for part in [path, *path.rglob("*")]:
        if not part.is_symlink():
            part.chmod((0o777 if part.is_dir() else 0o666) & ~withheld())


def exposed(paths: Iterable[Path]) -> list[str]:
    """One sentence, with its remedy, for each of the files and folders that more people can read than should.

    What lies in a folder that is closed to them is not exposed.
    """
    hidden = withheld()
    classes = "o-rwx" if group_may_read() else "go-rwx"
    return [
        f"'{path}' can be read by other users of this machine: run `chmod -R {classes} '{path}'`"
        for path in paths
        if any(_is_reached(part, hidden & 0o044) for part in _files(path))
    ]


def _files(path: Path) -> Iterator[Path]:
    """The file, or the files of the folder."""
    if path.is_dir():
        yield from (part for part in path.rglob("*") if part.is_file())
    elif path.is_file():
        yield path


def _is_reached(path: Path, readers: int) -> bool:
    """Whether a class of users among ``readers`` can read the file and pass all folders above it."""
    try:
        found = path.resolve()
        passing = readers & found.stat().st_mode
        for folder in found.parents:
            passing &= (folder.stat().st_mode & ANYBODY_MAY_PASS) << 2
    except OSError:  # gone meanwhile, such as the -wal of a database that was closed
        return False
    return bool(passing)
