"""Codings of stored notes, with their ranked codes."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_1545"
down_revision = "20261123_1530"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "codings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codings")),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_codings_note_id_notes"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.bundle_id"], name=op.f("fk_codings_bundle_id_bundles")),
    )
    op.create_index(op.f("ix_codings_note_id"), "codings", ["note_id"])
    op.create_index(op.f("ix_codings_bundle_id"), "codings", ["bundle_id"])
    op.create_table(
        "ranked_codes",
        sa.Column("coding_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(20), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("selected", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("coding_id", "rank", name=op.f("pk_ranked_codes")),
        sa.ForeignKeyConstraint(
            ["coding_id"], ["codings.id"], name=op.f("fk_ranked_codes_coding_id_codings"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("ranked_codes")
    op.drop_table("codings")
