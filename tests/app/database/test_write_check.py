"""A database that cannot be written is noticed, seldom looked at, and noticed again when it can."""

import pytest

from app.database.engine import open_engine
from app.database.write_check import KNOWN_SECONDS, WriteCheck
from app.errors import DatabaseUnavailable
from tests.app.database.read_only import read_only


def test_what_was_found_is_told_for_a_while(migrated_url: str) -> None:
    """On both engines; a look changes nothing."""
    engine = open_engine(migrated_url)
    now = [0.0]
    check = WriteCheck(engine, lambda: now[0])
    check.run()
    with read_only(check._engine):
        check.run()
        now[0] += KNOWN_SECONDS
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable, match="is read-only") as found:
                check.run()
            assert found.value.cause in ("SQLITE_READONLY", "ReadOnlySqlTransaction")
    with pytest.raises(DatabaseUnavailable):
        check.run()
    now[0] += KNOWN_SECONDS
    check.run()
    engine.dispose()
    check._engine.dispose()
