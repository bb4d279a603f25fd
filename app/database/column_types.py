"""Column types that mean the same on both engines: half-precision and sparse vectors, and moments in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import DateTime, Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, UserDefinedType

from model.code_vectors import CodeVector

VECTOR_TYPE = np.dtype("<f2")
CODE_TYPE = np.dtype([("column", "<i4"), ("value", "<f4")])
"""One code of a sparse vector as SQLite and a backup hold it."""
CODE_COLUMNS = 2**24
"""More than any code set has: pgvector compares sparse vectors of one dimension only, and a code set may grow."""


class HalfVector(UserDefinedType[np.ndarray]):
    """A vector of float16: little-endian bytes in SQLite, pgvector's ``halfvec`` of any dimension in PostgreSQL.

    Python sees a float16 array of shape (D,) either way, bit for bit the same.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Bytes for SQLite; pgvector's text, whose decimals read back exactly, for PostgreSQL."""
        if dialect.name == "sqlite":
            return lambda vector: vector.astype(VECTOR_TYPE).tobytes()
        from pgvector import HalfVector as Wire

        return lambda vector: Wire(np.asarray(vector, dtype=np.float16)).to_text()

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What a SELECT asks for: PostgreSQL's binary form is ten times shorter to decode than its text."""
        return _WireForm(column, type_=self)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002 - the base's
        """The array (D,) float16; of a damaged SQLite row, as many whole values as there are bytes for."""
        if dialect.name == "sqlite":
            return lambda stored: np.frombuffer(stored[: len(stored) // 2 * 2], dtype=VECTOR_TYPE)
        from pgvector import HalfVector as Wire

        return lambda stored: Wire.from_binary(stored).to_numpy()


class SparseVector(UserDefinedType[CodeVector]):
    """A note as its codes: pairs of column and float32 in SQLite's bytes, pgvector's ``sparsevec`` in PostgreSQL.

    Python sees a :class:`model.code_vectors.CodeVector` either way, bit for bit the same. NULL is no vector; a vector
    without codes is another value.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """As :meth:`HalfVector.bind_processor`."""
        if dialect.name == "sqlite":
            return lambda vector: None if vector is None else packed_codes(vector)
        from pgvector import SparseVector as Wire

        def text(vector: CodeVector) -> str:
            pairs = dict(zip(vector.columns.tolist(), vector.values.tolist(), strict=True))
            return Wire(pairs, CODE_COLUMNS).to_text()

        return lambda vector: None if vector is None else text(vector)

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """As :meth:`HalfVector.column_expression`."""
        return _SparseWireForm(column, type_=self)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002 - the base's
        """The vector; of a damaged SQLite row, as many whole pairs as there are bytes for."""
        if dialect.name == "sqlite":
            return lambda stored: None if stored is None else unpacked_codes(stored)
        from pgvector import SparseVector as Wire

        def vector(sent: Any) -> CodeVector:
            wire = Wire.from_binary(sent)
            return CodeVector(np.array(wire.indices(), dtype=np.int32), np.array(wire.values(), dtype=np.float32))

        return lambda sent: None if sent is None else vector(sent)


def packed_codes(vector: CodeVector) -> bytes:
    """A vector of codes as bytes."""
    pairs = np.empty(len(vector), dtype=CODE_TYPE)
    pairs["column"], pairs["value"] = vector.columns, vector.values
    return pairs.tobytes()


def unpacked_codes(stored: bytes) -> CodeVector:
    """The vector of the bytes, without a part of a pair at their end."""
    pairs = np.frombuffer(stored[: len(stored) // CODE_TYPE.itemsize * CODE_TYPE.itemsize], dtype=CODE_TYPE)
    return CodeVector(pairs["column"].astype(np.int32), pairs["value"].astype(np.float32))


def are_codes(vector: CodeVector) -> bool:
    """Whether the columns ascend and are of a code set, and the values are numbers above 0; their length is free."""
    columns, values = vector.columns, vector.values
    ascending = bool((np.diff(columns) > 0).all())
    in_range = len(columns) == 0 or (columns[0] >= 0 and columns[-1] < CODE_COLUMNS)
    return ascending and bool(in_range) and bool((np.isfinite(values) & (values > 0.0)).all())


class _WireForm(FunctionElement[Any]):
    """The form in which a vector travels to us."""

    inherit_cache = True
    sent_by = "halfvec_send"

    def __init__(self, column: ColumnElement[Any], type_: UserDefinedType[Any]) -> None:
        """Remember the type, whose ``result_processor`` reads the form."""
        self.type = type_
        super().__init__(column)


class _SparseWireForm(_WireForm):
    """That of a sparse vector."""

    inherit_cache = True
    sent_by = "sparsevec_send"


@compiles(_WireForm, "sqlite")
def _plain(element: _WireForm, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_WireForm, "postgresql")
def _sent(element: _WireForm, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.sent_by}({compiler.process(element.clauses, **options)})"


@compiles(HalfVector, "sqlite")
@compiles(SparseVector, "sqlite")
def _blob(_type: HalfVector | SparseVector, _compiler: Any, **_options: Any) -> str:
    return "BLOB"


@compiles(HalfVector, "postgresql")
def _halfvec(_type: HalfVector, _compiler: Any, **_options: Any) -> str:
    return "HALFVEC"


@compiles(SparseVector, "postgresql")
def _sparsevec(_type: SparseVector, _compiler: Any, **_options: Any) -> str:
    return "SPARSEVEC"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in UTC on the way in and out; SQLite itself forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """In UTC; a moment without a zone is a mistake of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """With its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
