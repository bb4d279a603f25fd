"""The revisions make the tables that the code expects."""

import re
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint, inspect

import migrations
from app.db import alembic_config, migrate, open_engine, writing
from app.tables import Base


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.sqlite3"


def test_revisions_make_the_tables_of_the_code(url: str) -> None:
    """A migrated database and the ORM's metadata do not differ."""
    migrate(url)
    with open_engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_constraint_has_the_name_of_the_convention(url: str) -> None:
    """Foreign keys and unique constraints can be addressed by later revisions."""
    migrate(url)
    inspector = inspect(open_engine(url))
    for table in Base.metadata.sorted_tables:
        names = {key["name"] for key in inspector.get_foreign_keys(table.name)}
        names |= {key["name"] for key in inspector.get_unique_constraints(table.name)}
        expected = {
            constraint.name
            for constraint in table.constraints
            if isinstance(constraint, ForeignKeyConstraint | UniqueConstraint)
        }
        assert names == expected


def test_up_down_up(url: str) -> None:
    """The revisions can be taken back and made again."""
    migrate(url)
    engine = open_engine(url)
    config = alembic_config()
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(url)
    assert "embeddings" in inspect(open_engine(url)).get_table_names()


def test_migrating_twice_changes_nothing(url: str) -> None:
    """The hash key, drawn by the first revision, stays."""
    migrate(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT key FROM hash_keys").all()
    migrate(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT key FROM hash_keys").all() == before


def test_two_starts_at_once_migrate_once(url: str) -> None:
    """Threads that start together leave one hash key and one version."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def start() -> None:
        barrier.wait()
        try:
            migrate(url)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_engine(url).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM hash_keys").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1


def test_revision_files_are_dated() -> None:
    """Every revision's name starts with its date and time."""
    versions = Path(migrations.__path__[0]) / "versions"
    names = [path.name for path in versions.glob("*.py")]
    assert names
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}-\d{4}_[a-z_]+\.py", name) for name in names)
