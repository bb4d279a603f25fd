"""A SELECT that every request makes, prepared once: SQLAlchemy's work for a row of a file costs ten times the row."""

from typing import Any

from sqlalchemy import Engine, Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from app.database.engine import database_errors, is_sqlite, read


class PreparedRead:
    """Reads at most one row, by named values.

    A single statement sees one state of the database without a transaction around it, so the driver of a SQLite file
    is asked directly, over a connection of the engine's pool. PostgreSQL, whose network takes longer, is read as usual.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        dialect = SQLiteDialect_pysqlite(paramstyle="named")
        self._statement = statement
        self._sql = str(statement.compile(dialect=dialect))
        self._converters = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.selected_columns
        ]

    def row(self, engine: Engine, **values: str) -> tuple[Any, ...] | None:
        """The values in the order of the statement's columns; None if no row is found.

        Raises:
            DatabaseUnavailable: the database cannot be read.
        """
        if is_sqlite(engine):
            return self._row_of_file(engine, values)
        with read(engine) as connection:
            found = connection.execute(self._statement, values).one_or_none()
        return None if found is None else tuple(found)

    def _row_of_file(self, engine: Engine, values: dict[str, str]) -> tuple[Any, ...] | None:
        with database_errors(engine.url):
            connection = engine.raw_connection()
            try:
                found = connection.cursor().execute(self._sql, values).fetchone()
            finally:
                connection.close()
            if found is None:
                return None
            pairs = zip(self._converters, found, strict=True)
            return tuple(value if convert is None else convert(value) for convert, value in pairs)
