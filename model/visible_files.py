"""The files of a folder that a person put there."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class FolderFiles(NamedTuple):
    """Files in the order of their names, and how many others were passed over because theirs begin with a dot."""

    files: list[Path]
    hidden: int


def visible_files(paths: Iterable[Path]) -> FolderFiles:
    """The paths without those whose name begins with a dot.

    macOS writes a "._NAME" beside every NAME on a foreign disk and in an archive, and ".DS_Store" in every folder.
    """
    files = sorted(paths)
    visible = [path for path in files if not path.name.startswith(".")]
    return FolderFiles(visible, len(files) - len(visible))
