"""Jobs: notes that are coded when nobody else is waiting, and what came of them."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_0230"
down_revision = "20261123_2330"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("job_id", name=op.f("uq_jobs_job_id")),
        sa.UniqueConstraint("who", "key_hash", name=op.f("uq_jobs_who_key_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_ended_at"), "jobs", ["ended_at"])
    op.create_table(
        "job_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(200), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_items")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_items_job_id_jobs"), ondelete="CASCADE"),
        sa.UniqueConstraint("job_id", "sequence", name=op.f("uq_job_items_job_id_sequence")),
    )
    op.create_table(
        "job_results",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_job_results")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["job_items.id"], name=op.f("fk_job_results_item_id_job_items"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("job_results", "job_items", "jobs"):
        op.drop_table(table)
