"""Rows of a file with a JSON object a line (.jsonl, .ndjson)."""

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from model.errors import MalformedInput
from training.prepare.source_files import open_decompressed
from training.prepare.table_rows.rows import Row, Rows
from training.prepare.table_rows.text_encoding import shown_encoding, text_encoding

HEADER_ROWS = 1000
"""Rows whose keys are the header; a key that none of them has is no column."""


def open_json_lines(path: Path, encoding: str | None = None) -> Rows:
    """Open the file; its header are the keys of the first rows.

    Raises:
        MalformedInput: a line is no JSON object, or the encoding is not certain.
    """
    codec = text_encoding(path, encoding)
    first = islice(_objects(path, codec), HEADER_ROWS)
    header = tuple(dict.fromkeys(key for _, cells in first for key in cells))
    if not header:
        raise MalformedInput(f"'{path}' has no row: name a file with one JSON object a line")
    read_as = {"format": "JSON lines", "encoding": shown_encoding(codec)}
    return Rows(header, lambda positions: _rows(path, codec, [header[one] for one in positions]), read_as)


def _rows(path: Path, codec: str, names: Sequence[str]) -> Iterator[Row]:
    for number, cells in _objects(path, codec):
        yield Row(number, [cells.get(name) for name in names])


def _objects(path: Path, codec: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    with open_decompressed(path) as file, io.TextIOWrapper(file, encoding=codec) as text:
        for line_number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            number += 1
            if (cells := _parsed(line)) is None:
                raise MalformedInput(
                    f"line {line_number:,} of '{path}' is no JSON object with distinct keys: expected one object a "
                    "line, not one list for the whole file"
                )
            yield number, cells


def _parsed(line: str) -> dict[str, Any] | None:
    """The object of a line; the decoder's own error would carry the line, which may be a note."""
    try:
        found = json.loads(line, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found
