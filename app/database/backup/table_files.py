"""Rows of a table as parquet, the same from either engine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Boolean, Column, Connection, Float, Integer, LargeBinary, Table, select
from sqlalchemy.types import TypeEngine

from app.database.column_types import (
    VECTOR_TYPE,
    HalfVector,
    SparseVector,
    UtcDateTime,
    packed_codes,
    unpacked_codes,
)
from app.database.tables import Base
from model.code_vectors import CodeVector

BATCH = 1024
GROUP_CHARACTERS = 16_000_000
"""Characters of a row group at most, but for its last row."""
BATCH_BYTES = 64_000_000
"""Unpacked bytes that are read together at most, but for a single row."""
LEFT_OUT = frozenset({"embedding_changes", "database_ids", "jobs", "job_items", "job_results"})
"""The counter of changes and the id belong to one database alone. Of jobs, a backup would keep note texts that the
database erases as soon as they are coded, and a restored queue would code them again."""
TABLES: Sequence[Table] = [table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT]
"""In the order of their references."""


def write_table(connection: Connection, table: Table, path: Path) -> int:
    """Write all rows in the order of the primary key; their number."""
    schema = schema_of(table)
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        query = select(table).order_by(*table.primary_key.columns)
        result = connection.execute(query, execution_options={"yield_per": BATCH})
        for part in result.mappings().partitions(BATCH):
            plain = [{column.name: _plain(row[column.name]) for column in table.columns} for row in part]
            for group in _groups(plain):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
            rows += len(plain)
    return rows


def schema_of(table: Table) -> pa.Schema:
    """The columns of the table's file."""
    return pa.schema([(column.name, _arrow_type(column.type)) for column in table.columns])


def batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """All rows, a few at a time where one can be large: no value is longer than the unpacked part of its column."""
    for number in range(file.num_row_groups):
        longest = max(file.metadata.row_group(number).total_byte_size, 1)
        rows = min(max(BATCH_BYTES // longest, 1), BATCH)
        yield from file.iter_batches(batch_size=rows, row_groups=[number])


def read_table(table: Table, path: Path) -> Iterator[list[dict[str, Any]]]:
    """Batches of rows as the table's columns take them."""
    vectors = [column.name for column in table.columns if isinstance(column.type, HalfVector)]
    sparse = [column.name for column in table.columns if isinstance(column.type, SparseVector)]
    with pq.ParquetFile(path) as file:
        for batch in batches(file):
            rows: list[dict[str, Any]] = batch.to_pylist()
            for row in rows:
                for name in vectors:
                    row[name] = np.frombuffer(row[name], dtype=VECTOR_TYPE)
                for name in sparse:
                    row[name] = None if row[name] is None else unpacked_codes(row[name])
            yield rows


def counts_in_step(table: Table) -> Column[Any] | None:
    """The column that the engine numbers itself, or None."""
    column = table.autoincrement_column
    return column if column is not None and not column.foreign_keys else None


def _groups(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows in parts of at most GROUP_CHARACTERS, or of one row."""
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        if group and size + length > GROUP_CHARACTERS:
            yield group
            group, size = [], 0
        group.append(row)
        size += length
    if group:
        yield group


def _plain(value: Any) -> Any:
    if isinstance(value, CodeVector):
        return packed_codes(value)
    return value.astype(VECTOR_TYPE).tobytes() if isinstance(value, np.ndarray) else value


def _arrow_type(kind: TypeEngine[Any]) -> pa.DataType:
    if isinstance(kind, Boolean):
        return pa.bool_()
    if isinstance(kind, Integer):
        return pa.int64()
    if isinstance(kind, Float):
        return pa.float64()
    if isinstance(kind, UtcDateTime):
        return pa.timestamp("us", tz="UTC")
    return pa.binary() if isinstance(kind, LargeBinary | HalfVector | SparseVector) else pa.large_string()
