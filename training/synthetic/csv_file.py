"""A CSV table, plain or gzipped, written row by row, with the same bytes for the same rows."""

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
def csv_file(folder: Path, name: str, columns: tuple[str, ...], plain: bool = False) -> Iterator[RowWriter]:
    """Open NAME.csv.gz, or NAME.csv, with its header written; None becomes an empty field, lines end in a line feed."""
    if plain:
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="", buffering=1 << 20) as text:
            yield _headed(text, columns)
        return
    with (
        (folder / f"{name}.csv.gz").open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        io.BufferedWriter(packed, 1 << 20) as buffered,
        io.TextIOWrapper(buffered, encoding="utf-8", newline="") as text,
    ):
        yield _headed(text, columns)


def csv_bytes(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows as the same bytes, for a table that is written in parts."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _headed(text: io.TextIOBase, columns: tuple[str, ...]) -> RowWriter:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    return writer
