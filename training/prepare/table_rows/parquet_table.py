"""Rows of a parquet file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import MalformedInput
from training.prepare.table_rows.rows import Row, Rows, Value

BATCH_ROWS = 2_000  # about 20 MB of notes as Arrow and Python strings


def open_parquet(path: Path) -> Rows:
    """Open the file.

    Raises:
        MalformedInput: it cannot be read as parquet.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        raise _damaged(path) from None
    return Rows(tuple(schema.names), lambda positions: _rows(path, schema, positions), {"format": "parquet"})


def _rows(path: Path, schema: pa.Schema, positions: Sequence[int]) -> Iterator[Row]:
    names = [schema.names[position] for position in positions]
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(names))):
                for values in zip(*(_values(path, name, batch.column(name)) for name in names), strict=True):
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError):
        raise _damaged(path) from None


def _values(path: Path, name: str, column: pa.Array) -> list[Value]:
    """Python values; times as text, because Python has no nanoseconds."""
    is_time = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    try:
        found: list[Value] = (column.cast(pa.string()) if is_time else column).to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):  # durations, or text that is no UTF-8
        raise MalformedInput(
            f"the column '{name}' of '{path}' holds {column.type} that cannot be read, expected text: write it as text"
        ) from None
    return found


def _damaged(path: Path) -> MalformedInput:
    return MalformedInput(f"'{path}' cannot be read as parquet: write or copy it again")
