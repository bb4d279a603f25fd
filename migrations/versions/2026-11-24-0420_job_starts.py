"""How often a job's next note was the first of a process that has not come to its end."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_0420"
down_revision = "20261124_0300"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a service of the revision before goes on handing in jobs without it."""
    op.add_column("jobs", sa.Column("starts", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("jobs", "starts")
