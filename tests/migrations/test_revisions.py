"""The revisions make the tables that the code expects, on both engines."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, ForeignKeyConstraint, UniqueConstraint, func, insert, inspect, select, text

import migrations
from app.database import sqlite
from app.database.engine import alembic_config, is_sqlite, migrate, open_engine, revisions, write
from app.database.tables import AssignedCode, Base, Embedding, EmbeddingChanges, Note
from model.code_vectors import CodeVector

ROOT = Path(migrations.__path__[0]).parent
FIRST = "20261123_1400"


@pytest.fixture
def url(any_url: str) -> str:
    """Every test of this file runs on both engines."""
    return any_url


def move(url: str, revision: str) -> None:
    """Up or down to a revision, in one transaction as ``migrate`` does it."""
    engine = open_engine(url)
    if url.startswith("sqlite"):
        sqlite.prepare_to_migrate(engine.url)
    config = alembic_config()
    with write(engine) as connection:
        config.attributes["connection"] = connection
        now = revisions(connection)[0]
        down = now is not None and (revision == "base" or revision < now)
        (command.downgrade if down else command.upgrade)(config, revision)
    engine.dispose()


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
    move(url, "base")
    assert inspect(open_engine(url)).get_table_names() == ["alembic_version"]
    migrate(url)
    assert "embeddings" in inspect(open_engine(url)).get_table_names()


def test_rows_survive_every_revision(url: str) -> None:
    """From the first release up, down and up again: notes, codes, and every bit of every vector."""
    vectors = np.random.default_rng(1).normal(size=(700, 8)).astype("<f2")
    vectors[0] = [0.0, -0.0, 6e-8, 65504, -65504, 1e-4, 0.1, 1.0]
    move(url, FIRST)
    engine = open_engine(url)
    with write(engine) as connection:
        for statement, rows in first_release(vectors):
            connection.execute(text(statement), rows)
    migrate(url)
    for _ in range(2):
        with engine.connect() as connection:
            rows = connection.execute(select(Embedding.id, Embedding.dimension, Embedding.vector)).all()
            codes = connection.scalar(select(func.count()).select_from(AssignedCode))
        assert {row.dimension for row in rows} == {8}
        stored = np.stack([row.vector for row in sorted(rows)])
        assert stored.tobytes() == vectors.tobytes()
        assert codes == 700
        move(url, FIRST)
        with engine.connect() as connection:
            old = connection.execute(text("SELECT vector FROM embeddings ORDER BY id")).scalars().all()
        assert b"".join(bytes(vector) for vector in old) == vectors.tobytes()
        migrate(url)


CODES = CodeVector(np.array([0, 7, 2**24 - 1], dtype=np.int32), np.array([0.1, 1e-30, 0.7], dtype=np.float32))


def test_codes_come_with_their_revision_and_go_with_it(url: str) -> None:
    """Rows of before have none and are nobody's prediction; what is stored then is read bit for bit, also without a
    code; taken back and made again, the rows are as they were before.
    """
    move(url, "20261124_0420")
    engine = open_engine(url)
    with write(engine) as connection:
        for number in (1, 2, 3):
            connection.execute(
                text("INSERT INTO notes (id, note_id, split, source, text_hash) VALUES (:n, :name, 'train', 's', 'h')"),
                {"n": number, "name": f"n{number}"},
            )
        connection.execute(text(OLD_ROW), {"v": np.ones(3, dtype="<f2").tobytes() if is_sqlite(engine) else "[1,1,1]"})
    for _ in range(2):
        migrate(url)
        with write(engine) as connection:
            assert connection.execute(select(Embedding.codes, Embedding.codes_predicted)).all() == [(None, False)]
            same = {"embedding_id": "e", "dimension": 3, "vector": np.ones(3, dtype=np.float16)}
            connection.execute(insert(Embedding).values(note_id=2, codes=CODES, codes_predicted=True, **same))
            connection.execute(insert(Embedding).values(note_id=3, codes=CodeVector.empty(), **same))
            rows = connection.execute(
                select(Embedding.codes, Embedding.codes_predicted).where(Embedding.note_id > 1).order_by(Embedding.id)
            ).all()
            connection.execute(text("DELETE FROM embeddings WHERE note_id > 1"))
        assert [row.codes_predicted for row in rows] == [True, False]
        for found, stored in zip([row.codes for row in rows], [CODES, CodeVector.empty()], strict=True):
            assert (found.columns.dtype, found.values.dtype) == (np.int32, np.float32)
            assert (found.columns.tolist(), found.values.tobytes()) == (
                stored.columns.tolist(),
                stored.values.tobytes(),
            )
        move(url, "20261124_0420")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT note_id FROM embeddings")).all() == [(1,)]
            names = {column["name"] for column in inspect(connection).get_columns("embeddings")}
        assert names == {"id", "note_id", "embedding_id", "dimension", "vector"}


OLD_ROW = "INSERT INTO embeddings (note_id, embedding_id, dimension, vector) VALUES (1, 'e', 3, :v)"


def test_a_new_row_after_the_revisions_has_a_new_number(url: str) -> None:
    """Also when the last row was deleted: a number is never given twice."""
    migrate(url)
    engine = open_engine(url)
    numbers = []
    for _ in range(2):
        with write(engine) as connection:
            fill_one(connection)
            numbers.append(connection.scalar(select(func.max(Embedding.id))))
            connection.execute(text("DELETE FROM notes"))
        assert changes(engine) == (2 if is_sqlite(engine) else 1) * len(numbers)
    assert numbers[0] < numbers[1]


def test_a_server_counts_the_changes_of_a_transaction_once(url: str) -> None:
    """Any number of statements, also after a savepoint that took the first count with it; the next one counts anew."""
    migrate(url)
    engine = open_engine(url)
    if is_sqlite(engine):
        pytest.skip("SQLite counts each row, in place")
    for transaction in (1, 2):
        with write(engine) as connection:
            with connection.begin_nested() as savepoint:
                fill_one(connection)
                savepoint.rollback()
            fill_one(connection)
            assert connection.scalar(select(EmbeddingChanges.version)) == transaction
            connection.execute(text("DELETE FROM notes"))
        assert changes(engine) == transaction


def changes(engine: Engine) -> int | None:
    """As a new transaction sees them."""
    with engine.connect() as connection:
        return connection.scalar(select(EmbeddingChanges.version))


@pytest.mark.parametrize("query", ["SELECT key FROM hash_keys", "SELECT token FROM database_ids"])
def test_migrating_twice_changes_nothing(url: str, query: str) -> None:
    """The hash key and the id, drawn once, stay."""
    migrate(url)
    engine = open_engine(url)
    with engine.connect() as connection:
        before = connection.exec_driver_sql(query).all()
    migrate(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(query).all() == before
    assert len(before) == 1
    assert len(before[0][0]) == 32


def test_starts_at_once_migrate_once(url: str) -> None:
    """Processes that start together leave one hash key and one version."""
    code = "import sys\nfrom app.database.engine import migrate\nsys.stdin.readline()\nmigrate(sys.argv[1])"
    starts = [
        subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for start in starts:
        assert start.stdin is not None
        start.stdin.write(b"\n")
        start.stdin.flush()
    assert [start.communicate(timeout=120)[1] for start in starts] == [b""] * 4
    with open_engine(url).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM hash_keys").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1


def first_release(vectors: np.ndarray) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Statements and rows in the tables of the first revision."""
    numbers = range(1, len(vectors) + 1)
    yield "INSERT INTO patients (id, subject_id) VALUES (:id, :s)", [{"id": n, "s": f"p{n}"} for n in numbers]
    yield (
        "INSERT INTO notes (id, note_id, patient_id, split, source, text_hash) "
        "VALUES (:id, :n, :id, 'train', 's', 'h')",
        [{"id": n, "n": f"n{n}"} for n in numbers],
    )
    yield (
        "INSERT INTO assigned_codes (note_id, sequence, system, code, title) VALUES (:id, 1, 'icd9cm', '401.9', 'T')",
        [{"id": n} for n in numbers],
    )
    yield (
        "INSERT INTO embeddings (id, note_id, embedding_id, vector) VALUES (:id, :id, 'e', :v)",
        [{"id": n, "v": row.tobytes()} for n, row in zip(numbers, vectors, strict=True)],
    )


def fill_one(connection: Connection) -> None:
    """A note with an embedding."""
    connection.execute(insert(Note).values(id=1, note_id="n1", split="train", source="s", text_hash="h"))
    vector = np.ones(3, dtype=np.float16)
    connection.execute(insert(Embedding).values(note_id=1, embedding_id="e", dimension=3, vector=vector))


def test_revision_files_are_dated() -> None:
    """Every revision's name starts with its date and time."""
    versions = Path(migrations.__path__[0]) / "versions"
    names = [path.name for path in versions.glob("*.py")]
    assert names
    assert all(re.fullmatch(r"\d{4}-\d{2}-\d{2}-\d{4}_[a-z_]+\.py", name) for name in names)
