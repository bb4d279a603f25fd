"""Writing a backup: all tables in one state of the database, while others write."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from app.database.backup.archive import DAMAGE, pack, working_folder
from app.database.backup.table_checks import check_tables
from app.database.backup.table_files import TABLES, write_table
from app.database.engine import database_name, read, require_current, revisions
from app.database.tables import Note
from model.errors import MalformedInput
from model.progress import with_progress


def dump(engine: Engine, target: Path) -> dict[str, int]:
    """Write the backup file; rows by table.

    Raises:
        OutputExists, UnwritableOutput: the file.
        MalformedInput: the database is damaged, and a restore would refuse the backup; nothing was written.
        MissingInput, DatabaseOutOfStep, DatabaseUnavailable: the database.
    """
    require_current(engine)
    rows: dict[str, int] = {}
    with working_folder(target) as folder:
        with read(engine) as connection:
            revision, _ = revisions(connection)
            texts = connection.scalar(select(func.count()).where(Note.text.is_not(None))) or 0
            for table in with_progress(TABLES, "backup", total=len(TABLES), unit="table"):
                rows[table.name] = write_table(connection, table, folder / f"{table.name}.parquet")
        manifest = {"revision": revision, "rows": rows, "texts": texts, "engine": engine.dialect.name}
        _require_restorable(folder, manifest, engine)
        pack(folder, target, manifest)
    return rows


def _require_restorable(folder: Path, manifest: Mapping[str, Any], engine: Engine) -> None:
    """Raise now, and not when the backup is needed, where a restore would refuse it."""
    try:
        check_tables(folder, manifest)
    except DAMAGE:
        raise MalformedInput(
            f"the database '{database_name(engine.url)}' is damaged, and a restore would refuse its backup: run "
            "`icd-coder verify-index`, which names the notes, and mend them with `icd-coder index --rebuild`"
        ) from None
