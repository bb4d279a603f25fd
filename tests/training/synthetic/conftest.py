"""One set of synthetic tables for all tests of this folder."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from training.synthetic.tables import write_tables

csv.field_size_limit(1 << 24)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of 600 admissions from seed 7."""
    folder = tmp_path_factory.mktemp("mimic3")
    write_tables(folder, 600, 7, lambda count: None)
    return folder


@pytest.fixture(scope="session")
def rows(tables: Path) -> Callable[[str], list[dict[str, str]]]:
    """Reads a table into rows of strings."""

    def read(name: str) -> list[dict[str, str]]:
        with gzip.open(tables / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read
