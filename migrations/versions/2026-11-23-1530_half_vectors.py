"""Embeddings: their dimension, pgvector's halfvec on PostgreSQL, a count of changes; when a note was stored."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "20261123_1530"
down_revision = "20261123_1400"
branch_labels = None
depends_on = None

BATCH = 500


def upgrade() -> None:
    """Add the columns; the stored vectors keep every bit."""
    # Not in a batch: SQLite would rebuild `notes`, and dropping the old table deletes what refers to it.
    op.add_column("notes", sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_assigned_codes_system_code"), "assigned_codes", ["system", "code"])
    op.add_column("embeddings", sa.Column("dimension", sa.Integer(), nullable=True))
    op.execute("UPDATE embeddings SET dimension = length(vector) / 2")
    with op.batch_alter_table("embeddings", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.alter_column("dimension", existing_type=sa.Integer(), nullable=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
        _replace_vectors("halfvec", "vector", "CAST(:vector AS halfvec)", _to_halfvec)
        # Inline up to a page: above 1,016 dimensions a vector would move out of line, and a scan take far longer.
        op.execute("ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE PLAIN")
    _count_changes()


def downgrade() -> None:
    """Take the columns away; the extension stays, other schemas may use it."""
    for statement in TRIGGERS[op.get_bind().dialect.name][1]:
        op.execute(statement)
    op.drop_table("embedding_changes")
    if op.get_bind().dialect.name == "postgresql":
        for name in op.get_bind().scalars(sa.text(APPROXIMATE_INDEXES)).all():
            op.drop_index(name, "embeddings")
        _replace_vectors("bytea", "halfvec_send(vector)", ":vector", _to_bytes)
    with op.batch_alter_table("embeddings", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_column("dimension")
    op.drop_index(op.f("ix_assigned_codes_system_code"), "assigned_codes")
    op.drop_column("notes", "stored_at")


def _count_changes() -> None:
    """By triggers: also what the references delete is counted, and what another program does.

    A later revision that rebuilds ``embeddings`` in a batch has to make SQLite's triggers again.
    """
    table = op.create_table(
        "embedding_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embedding_changes")),
    )
    op.bulk_insert(table, [{"id": 1, "version": 0}])
    for statement in TRIGGERS[op.get_bind().dialect.name][0]:
        op.execute(statement)


COUNT = "UPDATE embedding_changes SET version = version + 1"
TRIGGERS = {
    "sqlite": (
        [
            f"CREATE TRIGGER embeddings_{event} AFTER {event} ON embeddings BEGIN {COUNT}; END"
            for event in ("insert", "delete")
        ],
        [f"DROP TRIGGER embeddings_{event}" for event in ("insert", "delete")],
    ),
    "postgresql": (
        [
            f"CREATE FUNCTION count_embedding_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {COUNT}; RETURN NULL; END $$",
            "CREATE TRIGGER embeddings_change AFTER INSERT OR DELETE ON embeddings "
            "FOR EACH STATEMENT EXECUTE FUNCTION count_embedding_change()",
        ],
        ["DROP TRIGGER embeddings_change ON embeddings", "DROP FUNCTION count_embedding_change()"],
    ),
}
APPROXIMATE_INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'embeddings' AND indexdef LIKE '%hnsw%'"


def _replace_vectors(column_type: str, read: str, write: str, convert: Callable[[Any], Any]) -> None:
    """Give the vectors another type; the database itself has no cast between the two."""
    op.execute(f"ALTER TABLE embeddings ADD COLUMN converted {column_type}")
    connection = op.get_bind()
    # The statements are made of the constants above, never of values.
    select = sa.text(f"SELECT id, {read} FROM embeddings WHERE id > :last ORDER BY id LIMIT {BATCH}")  # noqa: S608
    update = sa.text(f"UPDATE embeddings SET converted = {write} WHERE id = :id")  # noqa: S608
    last = 0
    while rows := connection.execute(select, {"last": last}).all():
        connection.execute(update, [{"id": row[0], "vector": convert(row[1])} for row in rows])
        last = rows[-1][0]
    op.execute("ALTER TABLE embeddings DROP COLUMN vector")
    op.execute("ALTER TABLE embeddings RENAME COLUMN converted TO vector")
    op.execute("ALTER TABLE embeddings ALTER COLUMN vector SET NOT NULL")


def _to_halfvec(stored: Any) -> str:
    return "[" + ",".join(str(float(value)) for value in np.frombuffer(stored, dtype="<f2")) + "]"


def _to_bytes(sent: Any) -> bytes:
    """From halfvec's binary form: two numbers of two bytes, then the values, big-endian."""
    return np.frombuffer(sent, dtype=">f2", offset=4).astype("<f2").tobytes()
