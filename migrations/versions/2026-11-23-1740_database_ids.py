"""A random id of the database: who keeps a copy of its rows notices that another one has taken its place."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "20261123_1740"
down_revision = "20261123_1545"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table and draw the id."""
    table = op.create_table(
        "database_ids",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_ids")),
    )
    op.bulk_insert(table, [{"id": 1, "token": secrets.token_hex(16)}])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("database_ids")
