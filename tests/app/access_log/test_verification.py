"""Whatever is done to the access log behind the triggers' back is found, with the row's number."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from app.access_log.hash_chain import row_hash
from app.access_log.verification import COLUMNS, read_anchor, verify_chain, write_anchor
from app.database.backup.dump import dump
from app.database.backup.load import load
from app.database.engine import is_sqlite, open_engine, read, write
from app.database.tables import AccessLogRow
from app.errors import BrokenChain
from model.errors import MalformedInput, OutputExists
from tests.app.access_log.rows import add_rows, tamper

TAMPERING = {
    "another user": ("UPDATE access_log SET who = 'x' WHERE sequence = 3", "row 3 .* was changed"),
    "another note": ("UPDATE access_log SET note_ids = '[]' WHERE sequence = 5", "row 5 .* was changed"),
    "another status": ("UPDATE access_log SET status = NULL WHERE sequence = 1", "row 1 .* was changed"),
    "another action": ("UPDATE access_log SET action = 'GET /' WHERE sequence = 2", "row 2 .* was changed"),
    "another request": ("UPDATE access_log SET request_id = 'x' WHERE sequence = 2", "row 2 .* was changed"),
    "another hash": ("UPDATE access_log SET hash = '1111' WHERE sequence = 4", "row 4 .* was changed"),
    "another link": ("UPDATE access_log SET previous_hash = '1111' WHERE sequence = 4", "row 4 .* not follow"),
    "a row less": ("DELETE FROM access_log WHERE sequence = 3", "row 3 .* is missing: row 4 comes next"),
    "the first row less": ("DELETE FROM access_log WHERE sequence = 1", "row 1 .* is missing: row 2"),
    "a row less, renumbered": (
        "DELETE FROM access_log WHERE sequence = 6; UPDATE access_log SET sequence = 6 WHERE sequence = 7",
        "row 6 .* does not follow row 5",
    ),
    "two rows exchanged": (
        "UPDATE access_log SET sequence = 99 WHERE sequence = 2; UPDATE access_log SET sequence = 2 WHERE sequence = 3;"
        "UPDATE access_log SET sequence = 3 WHERE sequence = 99",
        "row 2 .* does not follow row 1",
    ),
}


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    """A log of seven rows, on both engines."""
    engine = open_engine(migrated_url)
    add_rows(engine, 7)
    return engine


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found_at_its_row(engine: Engine, what: str) -> None:
    """Without an anchor."""
    statements, words = TAMPERING[what]
    tamper(engine, *statements.split(";"))
    with pytest.raises(BrokenChain, match=words):
        verify_chain(engine)


@pytest.mark.parametrize("value", ["at = 'yesterday'", "at = 5", "note_ids = X'FF00'", "status = 'many'"])
def test_a_value_that_no_column_may_hold_is_a_changed_row(engine: Engine, value: str) -> None:
    """SQLite takes anything anywhere."""
    if not is_sqlite(engine):
        pytest.skip("PostgreSQL keeps to the columns' types")
    tamper(engine, f"UPDATE access_log SET {value} WHERE sequence = 4")  # noqa: S608 - made of the values above
    with pytest.raises(BrokenChain, match="row 4 .* was changed"):
        verify_chain(engine)


def test_a_shorter_log_is_whole_but_for_the_anchor(engine: Engine, tmp_path: Path) -> None:
    """The chain cannot know how long it was."""
    anchor = tmp_path / "anchor"
    assert read_anchor(anchor) is None
    write_anchor(anchor, verify_chain(engine))
    tamper(engine, "DELETE FROM access_log WHERE sequence > 4")
    assert verify_chain(engine).sequence == 4
    with pytest.raises(BrokenChain, match="ends at row 4, the anchor knows 7 rows: row 5"):
        verify_chain(engine, read_anchor(anchor))
    add_rows(engine, 5)  # grown again past the anchor
    with pytest.raises(BrokenChain, match="row 7 .* another hash than the anchor"):
        verify_chain(engine, read_anchor(anchor))


def test_a_log_written_anew_is_found_by_the_anchor_alone(engine: Engine) -> None:
    """Every hash recomputed over a changed row."""
    anchor = verify_chain(engine)
    with read(engine) as connection:
        rows = connection.execute(select(AccessLogRow.__table__).order_by(AccessLogRow.sequence)).all()
    previous, statements = "0" * 64, []
    for row in rows:
        forged = {"previous_hash": previous} | ({"who": "x"} if row.sequence == 2 else {})
        digest = row_hash(**{name: getattr(row, name) for name in COLUMNS} | forged)
        values = ", ".join(f"{name} = '{value}'" for name, value in {**forged, "hash": digest}.items())
        statements.append(f"UPDATE access_log SET {values} WHERE sequence = {row.sequence}")  # noqa: S608 - as above
        previous = digest
    tamper(engine, *statements)
    assert verify_chain(engine).sequence == 7
    with pytest.raises(BrokenChain, match="row 7 .* another hash than the anchor"):
        verify_chain(engine, anchor)


@pytest.mark.parametrize(
    "statements",
    [
        {"sqlite": ["DROP TRIGGER access_log_update"], "postgresql": ["DROP TRIGGER access_log_change ON access_log"]},
        {"sqlite": ["DROP TRIGGER access_log_insert"], "postgresql": ["ALTER TABLE access_log DISABLE TRIGGER USER"]},
        {
            "sqlite": [
                "DROP TRIGGER access_log_delete",
                "CREATE TRIGGER access_log_delete BEFORE delete ON access_log BEGIN SELECT 1; END",
            ],
            "postgresql": [
                "CREATE OR REPLACE FUNCTION refuse_access_log_change() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN RETURN NULL; END $$"
            ],
        },
        {
            "sqlite": [
                "DROP TRIGGER access_log_delete",
                "CREATE TRIGGER access_log_delete BEFORE delete ON access_log WHEN 0 BEGIN SELECT 1; /* BEFORE delete "
                "ON access_log BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END */ END",
            ],
            "postgresql": [
                "CREATE OR REPLACE FUNCTION refuse_access_log_change() RETURNS trigger LANGUAGE plpgsql "
                "AS $$ BEGIN /* RAISE EXCEPTION 'the access log is append-only'; */ RETURN NULL; END $$"
            ],
        },
        {
            "sqlite": [
                "DROP TRIGGER access_log_insert",
                "CREATE TRIGGER access_log_insert BEFORE INSERT ON access_log WHEN EXISTS (SELECT 1 FROM access_log "
                "WHERE sequence = NEW.sequence) AND 0 "
                "BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END",
            ],
            "postgresql": [
                "DROP TRIGGER access_log_change ON access_log",
                "CREATE TRIGGER access_log_change BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log "
                "FOR EACH STATEMENT WHEN (false) EXECUTE FUNCTION refuse_access_log_change()",
            ],
        },
        {
            "sqlite": [
                "CREATE TRIGGER access_log_skips BEFORE INSERT ON access_log WHEN NEW.who = 'x' "
                "BEGIN SELECT RAISE(IGNORE); END"
            ],
            "postgresql": [
                "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
                "CREATE TRIGGER access_log_skips BEFORE INSERT ON access_log FOR EACH ROW EXECUTE FUNCTION skip()",
            ],
        },
        {
            "sqlite": [
                "DROP TRIGGER access_log_update",
                "CREATE TRIGGER access_log_update BEFORE UPDATE OF at ON access_log "
                "BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END",
            ],
            "postgresql": [
                "DROP TRIGGER access_log_change ON access_log",
                "CREATE TRIGGER access_log_change BEFORE UPDATE OF at OR DELETE OR TRUNCATE ON access_log "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_access_log_change()",
            ],
        },
        {
            "sqlite": [
                "DROP TRIGGER access_log_update",
                "CREATE TRIGGER access_log_update BEFORE UPDATE ON access_log WHEN NEW.sequence > 99 "
                "BEGIN SELECT RAISE(ABORT, 'the access log is append-only'); END",
            ],
            "postgresql": [
                "DROP TRIGGER access_log_change ON access_log",
                "CREATE TRIGGER access_log_change BEFORE DELETE ON access_log "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_access_log_change()",
            ],
        },
    ],
)
def test_a_log_without_its_triggers_is_not_whole(engine: Engine, statements: dict[str, list[str]]) -> None:
    """Dropped, switched off, emptied, made narrower or joined by another; every row is as it was."""
    verify_chain(engine)
    with write(engine) as connection:
        for statement in statements[engine.dialect.name]:
            connection.execute(text(statement))
    with pytest.raises(BrokenChain, match="triggers access_log_"):
        verify_chain(engine)


def test_a_log_that_has_grown_fits_its_anchor(engine: Engine) -> None:
    """An old anchor stays good."""
    anchor = verify_chain(engine)
    add_rows(engine, 2)
    assert verify_chain(engine, anchor).sequence == 9


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"rows": -1, "hash": "x"}', '{"rows": "1", "hash": "x"}', "\x00"])
def test_a_file_that_is_no_anchor_is_refused(tmp_path: Path, content: str) -> None:
    """It is not taken for an empty one."""
    (tmp_path / "anchor").write_text(content)
    with pytest.raises(MalformedInput, match="is no anchor"):
        read_anchor(tmp_path / "anchor")


def test_a_restored_log_is_the_same_chain(engine: Engine, tmp_path: Path) -> None:
    """On the other engine too, and it goes on."""
    end = verify_chain(engine)
    dump(engine, tmp_path / "backup")
    load(tmp_path / "backup", f"sqlite:///{tmp_path}/restored.sqlite3")
    restored = open_engine(f"sqlite:///{tmp_path}/restored.sqlite3")
    assert verify_chain(restored, end) == end
    add_rows(restored, 1)
    assert verify_chain(restored, end).sequence == 8
    with pytest.raises(OutputExists, match="holds an access log already: restore into a new one"):
        load(tmp_path / "backup", f"sqlite:///{tmp_path}/restored.sqlite3")
