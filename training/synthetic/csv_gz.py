"""A gzipped CSV table, written row by row, with the same bytes for the same rows."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol


class RowWriter(Protocol):
    """What ``csv.writer`` returns."""

    def writerow(self, row: Iterable[object], /) -> object: ...


@contextmanager
def csv_gz(path: Path, columns: tuple[str, ...]) -> Iterator[RowWriter]:
    """Open a table with its header written; None becomes an empty field, lines end in a line feed."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        io.BufferedWriter(packed, 1 << 20) as buffered,
        io.TextIOWrapper(buffered, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        yield writer
