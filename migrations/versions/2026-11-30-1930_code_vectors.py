"""Beside the embedding of a note, the note as its codes."""

import sqlalchemy as sa
from alembic import op

revision = "20261130_1930"
down_revision = "20261124_0420"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the rows that are there have no codes until `icd-coder index` adds them."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE embeddings ADD COLUMN codes sparsevec")
        # Inline while a page has room: 1,024 dimensions alone are above the size from which a row's parts move out.
        op.execute("ALTER TABLE embeddings ALTER COLUMN codes SET STORAGE MAIN")
    else:
        op.add_column("embeddings", sa.Column("codes", sa.LargeBinary(), nullable=True))
    predicted: sa.Column[bool] = sa.Column("codes_predicted", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("embeddings", predicted)


def downgrade() -> None:
    """Drop them."""
    op.drop_column("embeddings", "codes_predicted")
    op.drop_column("embeddings", "codes")
