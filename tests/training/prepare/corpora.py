"""The real corpora, unpacked from their archives where they are there."""

import os
import tarfile
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("ICD_CODER_CORPORA", Path(__file__).parents[3].parent / "shared" / "data"))


def corpus(relative: str) -> Path:
    """A file or folder of the corpora; the test is skipped where it is absent."""
    path = CORPORA / relative
    if not path.exists():
        pytest.skip(f"'{path}' is not there: name the folder of the corpora in ICD_CODER_CORPORA")
    return path


def unpacked(archive: str, folder: str, into: Path) -> Path:
    """The folder of a .tar.xz archive, unpacked into a temporary place."""
    with tarfile.open(corpus(archive)) as tar:
        tar.extractall(into, filter="data")
    return into / folder
