"""Column types that mean the same on both engines: half-precision vectors, and moments in UTC."""

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

VECTOR_TYPE = np.dtype("<f2")


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


class _WireForm(FunctionElement[np.ndarray]):
    """The form in which a vector travels to us."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], type_: HalfVector) -> None:
        """Remember the type, whose ``result_processor`` reads the form."""
        self.type = type_
        super().__init__(column)


@compiles(_WireForm, "sqlite")
def _plain(element: _WireForm, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_WireForm, "postgresql")
def _sent(element: _WireForm, compiler: SQLCompiler, **options: Any) -> str:
    return f"halfvec_send({compiler.process(element.clauses, **options)})"


@compiles(HalfVector, "sqlite")
def _blob(_type: HalfVector, _compiler: Any, **_options: Any) -> str:
    return "BLOB"


@compiles(HalfVector, "postgresql")
def _halfvec(_type: HalfVector, _compiler: Any, **_options: Any) -> str:
    return "HALFVEC"


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
