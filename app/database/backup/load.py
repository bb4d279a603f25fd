"""Reading a backup into an empty database, in one transaction: all of it or nothing."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError

from app.database import postgresql
from app.database.backup.archive import damage_named, damaged, unpacked
from app.database.backup.table_checks import check_tables
from app.database.backup.table_files import TABLES, counts_in_step, read_table
from app.database.engine import (
    database_file,
    database_name,
    is_sqlite,
    migrate,
    newest_revision,
    open_engine,
    write,
)
from app.database.tables import AccessLogRow, ApiKey, HashKey, Job, KeySecret, Note
from app.errors import DatabaseOutOfStep
from model.errors import MalformedInput, OutputExists, UnwritableOutput
from model.progress import progress_bar

MOST_UNPACKED = 100
"""Times that a backup may grow when it is unpacked; one of notes that differ grows about fivefold."""
SMALL = 1_000_000_000
"""Bytes up to which it may grow further."""
COPIES = 2
"""Of the rows, while SQLite's write-ahead log holds the transaction and copies it into the file."""


def load(source: Path, url: str) -> dict[str, int]:
    """Restore a backup; the database is made where it is absent. Rows by table.

    Raises:
        MissingInput, MalformedInput: no backup, or a damaged or forged one.
        OutputExists: the database holds notes, access keys, an access log or jobs.
        DatabaseOutOfStep: the backup was made with another schema.
        UnwritableOutput: it does not fit on the disk.
        DatabaseUnavailable: the database cannot be written; nothing was.
    """
    engine = open_engine(url)  # a bad URL is named before the long part
    with unpacked(source) as (folder, manifest):
        _require_this_schema(manifest, source)
        _require_listed(manifest, source)
        with damage_named(source):
            size = check_tables(folder, manifest)
        _require_room(size, source, url)
        migrate(url)
        try:
            with write(engine) as connection:
                _require_empty(connection)
                if manifest["texts"] and not is_sqlite(engine):
                    postgresql.require_private_log(connection)
                return _load(connection, folder, manifest, source)
        finally:
            engine.dispose()


def _load(connection: Connection, folder: Path, manifest: dict[str, Any], source: Path) -> dict[str, int]:
    connection.execute(delete(KeySecret))  # a service may have started on the empty database
    connection.execute(delete(HashKey))  # the texts' hashes come with the key that made them
    rows: dict[str, int] = {}
    with progress_bar("restore", total=sum(manifest["rows"].values()), unit="row") as bar:
        for table in TABLES:
            with damage_named(source):
                for batch in read_table(table, folder / f"{table.name}.parquet"):
                    _insert(connection, table, batch, source)
                    bar.update(len(batch))
            rows[table.name] = connection.scalar(select(func.count()).select_from(table)) or 0
            _continue_numbers(connection, table)
    if rows != manifest["rows"]:
        raise MalformedInput(
            f"'{source}' does not hold the rows that it lists, nothing was restored: use another backup"
        )
    return rows


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]], source: Path) -> None:
    try:
        connection.execute(insert(table), rows)
    except (IntegrityError, DataError):  # an id twice, a reference to nothing, a number too large
        raise damaged(source) from None


def _require_this_schema(manifest: Mapping[str, Any], source: Path) -> None:
    current = newest_revision()
    if manifest["revision"] != current:
        raise DatabaseOutOfStep(
            f"'{source}' has the schema {manifest['revision']}, this version {current}: "
            "restore it with the version that made it, then run `icd-coder migrate` with this one"
        )


def _require_listed(manifest: Mapping[str, Any], source: Path) -> None:
    """Exactly our tables, each with its number of rows."""
    names = {table.name for table in TABLES}
    if manifest["sha256"].keys() != {f"{name}.parquet" for name in names} or manifest["rows"].keys() != names:
        raise damaged(source)


def _require_room(size: int, source: Path, url: str) -> None:
    """Raise for rows of ``size`` bytes that no backup of this size has, or that the disk of a file cannot take."""
    if size > max(SMALL, MOST_UNPACKED * source.stat().st_size):
        raise MalformedInput(
            f"'{source}' would unpack to {size / 1e9:.1f} GB, over {MOST_UNPACKED} times its size, as no backup does: "
            "use another backup"
        )
    file = database_file(url)
    if file is None or not file.parent.is_dir():
        return
    free = shutil.disk_usage(file.parent).free
    if COPIES * size > free:
        raise UnwritableOutput(
            f"'{file.parent}' has {free / 1e9:.1f} GB free, the rows of '{source.name}' need up to "
            f"{COPIES * size / 1e9:.1f} GB: free some room, or restore onto a larger disk"
        )


def _require_empty(connection: Connection) -> None:
    for table, what in ((Note, "notes"), (ApiKey, "access keys"), (AccessLogRow, "an access log"), (Job, "jobs")):
        if connection.scalar(select(func.count()).select_from(table)):
            raise OutputExists(
                f"the database '{database_name(connection.engine.url)}' holds {what} already: restore into a new one"
            )


def _continue_numbers(connection: Connection, table: Table) -> None:
    """PostgreSQL's counters do not see the numbers that were given; SQLite's do."""
    column = counts_in_step(table)
    if column is None or connection.dialect.name == "sqlite":
        return
    highest = connection.scalar(select(func.max(column)))
    if highest is not None:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, :column), :highest)"),
            {"name": table.name, "column": column.name, "highest": highest},
        )
