"""Where runs leave what is neither dataset nor bundle: beside them, under their name."""

import os
from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    """``path`` with an ending on its name, which "." and ".." do not have."""
    named = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link to another disk
    return named.with_name(named.name + ending)


def cache_folder(data: Path, chosen: Path | None) -> Path:
    """Folder of the frozen layers' states: the chosen one, or DATA.cache."""
    return chosen or beside(data, ".cache")
