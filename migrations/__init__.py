"""Alembic revisions; the package ships in the wheel and ``app/database/engine.py`` builds Alembic's Config from it."""
