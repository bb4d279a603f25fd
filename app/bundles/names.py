"""Which registered bundle a word stands for."""

from sqlalchemy import Connection, Engine

from app.bundles import repository
from app.bundles.repository import BundleRow
from app.database.engine import read
from app.errors import UnknownBundle


def find_bundle(engine: Engine, word: str) -> BundleRow:
    """A registered bundle, by its name or an alias.

    Raises:
        UnknownBundle: the word is neither.
        DatabaseUnavailable: not now.
    """
    with read(engine) as connection:
        return require_bundle(connection, word)


def require_bundle(connection: Connection, word: str) -> BundleRow:
    """As :func:`find_bundle`, inside a transaction. Raises UnknownBundle."""
    row = repository.bundle_of(connection, repository.name_of(connection, word) or word)
    if row is None:
        raise UnknownBundle(f"no bundle or alias '{word}' is registered: see GET /v1/bundles")
    return row
