"""The word that every invented note of the service's tests carries, and the search for it where no note may be."""

from collections.abc import Iterator
from pathlib import Path

CANARY = "Zzyzxcanary"
"""A word of a note: whoever finds it outside an answer that is meant to hold it has found a leak."""
HOLD_NOTES = (
    ".sqlite3",
    ".sqlite3-wal",
    ".sqlite3-shm",
    ".parquet",
    ".csv",
    ".jsonl",
    ".txt",
    ".icdbackup",
)
"""Ends of the names of files that are made to hold notes: databases, datasets, what is to be coded, backups."""


def leaks(folder: Path) -> Iterator[Path]:
    """Files below a folder that hold the canary and should not, or are named by it."""
    for path in folder.rglob("*"):
        if CANARY in path.name or (path.is_file() and not path.name.endswith(HOLD_NOTES) and _holds(path)):
            yield path


def _holds(path: Path) -> bool:
    return CANARY.encode() in path.read_bytes()
