"""Runs the revisions on the connection that ``app/database/engine.py`` hands over; there is no alembic.ini."""

from alembic import context

from app.database.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
with context.begin_transaction():
    context.run_migrations()
