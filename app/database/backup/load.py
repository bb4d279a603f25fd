"""Reading a backup into an empty database, in one transaction: all of it or nothing."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from app.database import postgresql
from app.database.backup.archive import unpacked
from app.database.backup.table_files import TABLES, counts_in_step, read_table
from app.database.engine import database_name, is_sqlite, migrate, open_engine, revisions, write
from app.database.tables import AccessLogRow, ApiKey, HashKey, Job, KeySecret, Note
from app.errors import DatabaseOutOfStep
from model.errors import MalformedInput, OutputExists
from model.progress import progress_bar


def load(source: Path, url: str) -> dict[str, int]:
    """Restore a backup; the database is made where it is absent. Rows by table.

    Raises:
        MissingInput, MalformedInput: no backup, or a damaged one.
        OutputExists: the database holds notes, access keys, an access log or jobs.
        DatabaseOutOfStep: the backup was made with another schema.
        DatabaseUnavailable: the database cannot be written; nothing was.
    """
    engine = open_engine(url)  # a bad URL is named before the long part
    with unpacked(source) as (folder, manifest):
        migrate(url)
        try:
            with write(engine) as connection:
                _require_fitting(connection, manifest, source)
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
            for batch in read_table(table, folder / f"{table.name}.parquet"):
                connection.execute(insert(table), batch)
                bar.update(len(batch))
            rows[table.name] = connection.scalar(select(func.count()).select_from(table)) or 0
            _continue_numbers(connection, table)
    if rows != manifest["rows"]:
        raise MalformedInput(
            f"'{source}' does not hold the rows that it lists, nothing was restored: use another backup"
        )
    return rows


def _require_fitting(connection: Connection, manifest: dict[str, Any], source: Path) -> None:
    for table, what in ((Note, "notes"), (ApiKey, "access keys"), (AccessLogRow, "an access log"), (Job, "jobs")):
        if connection.scalar(select(func.count()).select_from(table)):
            raise OutputExists(
                f"the database '{database_name(connection.engine.url)}' holds {what} already: restore into a new one"
            )
    current, _ = revisions(connection)
    if manifest["revision"] != current:
        raise DatabaseOutOfStep(
            f"'{source}' has the schema {manifest['revision']}, this version {current}: "
            "restore it with the version that made it, then run `icd-coder migrate` with this one"
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
