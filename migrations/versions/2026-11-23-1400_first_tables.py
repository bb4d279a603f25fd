"""First tables: patients, notes, assigned codes, bundles, embeddings, and the key of the text hashes."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "20261123_1400"
down_revision: str | None = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and draw this database's hash key."""
    hash_keys = op.create_table(
        "hash_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hash_keys")),
    )
    op.bulk_insert(hash_keys, [{"id": 1, "key": secrets.token_bytes(32)}])
    _create_notes()
    _create_embeddings()


def downgrade() -> None:
    """Drop everything, in the order of the references."""
    for table in ("embeddings", "bundles", "assigned_codes", "notes", "patients", "hash_keys"):
        op.drop_table(table)


def _create_notes() -> None:
    op.create_table(
        "patients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("subject_id", name=op.f("uq_patients_subject_id")),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.String(200), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=True),
        sa.Column("split", sa.String(20), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
        sa.UniqueConstraint("note_id", name=op.f("uq_notes_note_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name=op.f("fk_notes_patient_id_patients")),
    )
    op.create_index(op.f("ix_notes_patient_id"), "notes", ["patient_id"])
    op.create_table(
        "assigned_codes",
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(20), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("note_id", "sequence", name=op.f("pk_assigned_codes")),
        sa.ForeignKeyConstraint(
            ["note_id"], ["notes.id"], name=op.f("fk_assigned_codes_note_id_notes"), ondelete="CASCADE"
        ),
    )


def _create_embeddings() -> None:
    op.create_table(
        "bundles",
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("embedding_id", sa.String(64), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bundle_id", name=op.f("pk_bundles")),
    )
    op.create_index(op.f("ix_bundles_embedding_id"), "bundles", ["embedding_id"])
    op.create_table(
        "embeddings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("embedding_id", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embeddings")),
        sa.UniqueConstraint("note_id", "embedding_id", name=op.f("uq_embeddings_note_id_embedding_id")),
        sa.ForeignKeyConstraint(
            ["note_id"], ["notes.id"], name=op.f("fk_embeddings_note_id_notes"), ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
