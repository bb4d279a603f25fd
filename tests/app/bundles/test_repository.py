"""Names and aliases on both engines."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from app.bundles import repository
from app.bundles.open_bundle import find_bundle
from app.bundles.repository import BundleRow
from app.database.engine import open_engine, write
from app.errors import UnknownBundle

MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = open_engine(migrated_url)
    yield engine
    engine.dispose()


def test_names_and_aliases(engine: Engine) -> None:
    """A name can get another bundle and an alias another name; a word that is neither is named."""
    with write(engine) as connection:
        for name, bundle_id in (("b", "2" * 64), ("a", "1" * 64), ("a", "3" * 64)):
            repository.put_bundle(connection, BundleRow(name, bundle_id, MOMENT))
        for alias, name in (("production", "b"), ("y", "a"), ("x", "a"), ("production", "a")):
            repository.put_alias(connection, alias, name)
    with engine.connect() as connection:
        rows = repository.registered(connection)
        assert repository.aliases(connection) == {"a": ["production", "x", "y"]}
    assert rows == [BundleRow("a", "3" * 64, MOMENT), BundleRow("b", "2" * 64, MOMENT)]
    assert [find_bundle(engine, word) for word in ("b", "production")] == [rows[1], rows[0]]
    with pytest.raises(UnknownBundle, match="'staging'"):
        find_bundle(engine, "staging")
