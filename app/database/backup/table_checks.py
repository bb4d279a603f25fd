"""Checks the tables of a backup before a row of them is stored: their form, their size when unpacked, their vectors.

Parquet packs a repeated text into a few bytes, so the size of a file says little of what it becomes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Column, Table

from app.database.backup.table_files import TABLES, batches, schema_of
from app.database.column_types import CODE_TYPE, VECTOR_TYPE, are_codes, unpacked_codes
from app.database.tables import Base, Bundle, Embedding, Note
from model.progress import progress_bar
from model.text.note_text import MAX_CHARACTERS

LARGEST_GROUP = 256_000_000
"""Bytes of a row group before it is packed, four times what :func:`write_table` gathers: one is unpacked at a time."""


def check_tables(folder: Path, manifest: Mapping[str, Any]) -> int:
    """Read every table once; the bytes of all rows when unpacked.

    Raises:
        ValueError, OSError, pa.ArrowException: a table is not what ``write_table`` writes and the manifest lists.
    """
    dimensions = _dimensions(folder)
    unpacked = 0
    with progress_bar("check", total=len(TABLES), unit="table") as bar:
        for table in TABLES:
            rows, texts, size = _check_table(table, folder / f"{table.name}.parquet", dimensions)
            _require(rows == manifest["rows"][table.name])
            _require(table.name != Note.__tablename__ or texts == manifest["texts"])
            unpacked += size
            bar.update(1)
    return unpacked


def _check_table(table: Table, path: Path, dimensions: set[tuple[str, int]]) -> tuple[int, int, int]:
    """Its rows, those with a text, and their bytes."""
    rows, texts, size = 0, 0, 0
    with pq.ParquetFile(path) as file:
        _require_form(table, file)
        for batch in batches(file):
            batch.validate(full=True)  # UTF-8, and offsets that lie within the values
            for column in table.columns:
                _check_values(column, batch.column(column.name))
            if table.name == Embedding.__tablename__:
                _check_vectors(batch, dimensions)
            if table.name == Note.__tablename__:
                texts += len(batch) - batch.column(Note.text.name).null_count
            rows, size = rows + len(batch), size + batch.nbytes
    return rows, texts, size


def _require_form(table: Table, file: pq.ParquetFile) -> None:
    _require(file.schema_arrow.equals(schema_of(table)))
    groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
    _require(all(group.total_byte_size <= LARGEST_GROUP for group in groups))


def _check_values(column: Column[Any], values: pa.Array) -> None:
    _require(column.nullable or not values.null_count)
    longest = MAX_CHARACTERS if column is Note.__table__.c.text else getattr(column.type, "length", None)
    if longest is not None:
        length = pc.utf8_length if pa.types.is_large_string(values.type) else pc.binary_length
        _require((pc.max(length(values)).as_py() or 0) <= longest)


def _check_vectors(batch: pa.RecordBatch, dimensions: set[tuple[str, int]]) -> None:
    """Each is as long as its row says, and as its encoder's bundle; codes are whole and in their order."""
    stated = batch.column(Embedding.dimension.name)
    found = set(zip(batch.column(Embedding.embedding_id.name).to_pylist(), stated.to_pylist(), strict=True))
    _require(found <= dimensions)
    lengths = pc.binary_length(batch.column(Embedding.vector.name))
    _require(pc.all(pc.equal(lengths, pc.multiply(stated, VECTOR_TYPE.itemsize))).as_py() is not False)
    for codes in batch.column(Embedding.codes.name).drop_null().to_pylist():
        _require(len(codes) % CODE_TYPE.itemsize == 0 and are_codes(unpacked_codes(codes)))


def _dimensions(folder: Path) -> set[tuple[str, int]]:
    """The embeddings that the bundles have made, each with its number of values."""
    table = Base.metadata.tables[Bundle.__tablename__]
    with pq.ParquetFile(folder / f"{table.name}.parquet") as file:
        _require_form(table, file)
        return {
            (row[Bundle.embedding_id.name], row[Bundle.dimension.name])
            for batch in batches(file)
            for row in batch.to_pylist()
        }


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("the table is none of a backup")
