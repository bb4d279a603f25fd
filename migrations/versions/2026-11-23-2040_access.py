"""Access keys, and the access log whose rows can be added only."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_2040"
down_revision = "20261123_1740"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the triggers."""
    op.create_table(
        "key_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_secrets")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("tag", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_id", name=op.f("uq_api_keys_key_id")),
    )
    op.create_table(
        "access_log",
        sa.Column("sequence", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=True),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("note_ids", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_access_log")),
    )
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, the log included."""
    for table in ("access_log", "api_keys", "key_secrets"):
        op.drop_table(table)  # and with it its triggers
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_access_log_change()")


REFUSAL = "the access log is append-only"
TRIGGERS = {
    "sqlite": [
        f"CREATE TRIGGER access_log_{event} BEFORE {event} ON access_log BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for event in ("update", "delete")
    ]
    + [
        # INSERT OR REPLACE deletes the old row without a word to the trigger above.
        "CREATE TRIGGER access_log_insert BEFORE INSERT ON access_log "
        "WHEN EXISTS (SELECT 1 FROM access_log WHERE sequence = NEW.sequence) "
        "BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION refuse_access_log_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        "CREATE TRIGGER access_log_change BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_access_log_change()",
    ],
}
