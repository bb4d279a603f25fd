"""Names and aliases of the bundles that a service may load."""

import sqlalchemy as sa
from alembic import op

revision = "20261124_0300"
down_revision = "20261124_0230"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "bundle_names",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bundle_names")),
    )
    op.create_table(
        "bundle_aliases",
        sa.Column("alias", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_bundle_aliases")),
        sa.ForeignKeyConstraint(["name"], ["bundle_names.name"], name=op.f("fk_bundle_aliases_name_bundle_names")),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("bundle_aliases", "bundle_names"):
        op.drop_table(table)
