"""PostgreSQL counts the changes of embeddings once a transaction, so that a restore takes no quadratic time.

Each change updated the same row again, and every version of a row within one transaction has to be passed to find the
next: 20,000 rows took 141 seconds. Who reads the count sees a transaction's changes together. SQLite changes its row in
place.
"""

from alembic import op

revision = "20261130_2330"
down_revision = "20261130_1930"
branch_labels = None
depends_on = None

COUNT = "UPDATE embedding_changes SET version = version + 1"
FUNCTION = "CREATE OR REPLACE FUNCTION count_embedding_change() RETURNS trigger LANGUAGE plpgsql AS "
COUNTED_IN = "current_setting('icd_coder.counted_in', true)"
"""The transaction that counted last on this connection; empty or null before any."""
ONCE = f"""
BEGIN
  IF {COUNTED_IN} IS DISTINCT FROM txid_current()::text THEN
    {COUNT};
    PERFORM set_config('icd_coder.counted_in', txid_current()::text, true);
  END IF;
  RETURN NULL;
END
"""


def upgrade() -> None:
    """Count once a transaction; a savepoint that is rolled back takes its count with it."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"{FUNCTION} $${ONCE}$$")


def downgrade() -> None:
    """Count each statement."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"{FUNCTION} $$ BEGIN {COUNT}; RETURN NULL; END $$")
