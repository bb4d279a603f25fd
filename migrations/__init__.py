"""Alembic revisions; the package ships in the wheel and ``app/db.py`` builds Alembic's Config from it."""
