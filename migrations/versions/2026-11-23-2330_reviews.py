"""Reviews of coded notes: rows can be added, and go with their note alone."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_2330"
down_revision = "20261123_2040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the triggers."""
    op.create_table(
        "reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.Column("bundle_id", sa.String(64), nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("reviewer", sa.String(100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_reviews_note_id_notes"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.bundle_id"], name=op.f("fk_reviews_bundle_id_bundles")),
        sqlite_autoincrement=True,
    )
    for column in ("note_id", "bundle_id", "created_at"):
        op.create_index(op.f(f"ix_reviews_{column}"), "reviews", [column])
    op.create_table(
        "review_actions",
        sa.Column("review_id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("system", sa.String(20), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("review_id", "sequence", name=op.f("pk_review_actions")),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_review_actions_review_id_reviews"), ondelete="CASCADE"
        ),
    )
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    for table in ("review_actions", "reviews"):
        op.drop_table(table)  # and with it its triggers
    if op.get_bind().dialect.name == "postgresql":
        for table in ("review_actions", "reviews"):
            op.execute(f"DROP FUNCTION keep_{table}()")
        op.execute("DROP FUNCTION refuse_review_truncate()")


# ruff: noqa: S608 - the statements are made of these constants, never of values
REFUSAL = "reviews are append-only"
# Deleting the note deletes its reviews by the reference, and by then the note itself is gone; nothing else may.
KEPT = {
    "reviews": ("notes", "id = OLD.note_id", "id = NEW.id"),
    "review_actions": ("reviews", "id = OLD.review_id", "review_id = NEW.review_id AND sequence = NEW.sequence"),
}
TRIGGERS = {
    "sqlite": [
        statement
        for table, (parent, there, same) in KEPT.items()
        for statement in (
            f"CREATE TRIGGER {table}_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
            f"CREATE TRIGGER {table}_delete BEFORE DELETE ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {parent} WHERE {there}) "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
            # INSERT OR REPLACE deletes the old row without a word to the trigger above.
            f"CREATE TRIGGER {table}_insert BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
        )
    ],
    "postgresql": [
        statement
        for table, (parent, there, _) in KEPT.items()
        for statement in (
            f"CREATE FUNCTION keep_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'UPDATE' OR EXISTS (SELECT 1 FROM {parent} WHERE {there}) "
            f"THEN RAISE EXCEPTION '{REFUSAL}'; END IF; RETURN OLD; END $$",
            f"CREATE TRIGGER {table}_change BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keep_{table}()",
        )
    ]
    + [
        f"CREATE FUNCTION refuse_review_truncate() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    ]
    + [
        f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_review_truncate()"
        for table in KEPT
    ],
}
