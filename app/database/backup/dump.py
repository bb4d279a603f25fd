"""Writing a backup: all tables in one state of the database, while others write."""

from pathlib import Path

from sqlalchemy import Engine, func, select

from app.database.backup.archive import pack, working_folder
from app.database.backup.table_files import TABLES, write_table
from app.database.engine import read, require_current, revisions
from app.database.tables import Note
from model.progress import with_progress


def dump(engine: Engine, target: Path) -> dict[str, int]:
    """Write the backup file; rows by table.

    Raises:
        OutputExists, UnwritableOutput: the file.
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
        pack(folder, target, {"revision": revision, "rows": rows, "texts": texts, "engine": engine.dialect.name})
    return rows
