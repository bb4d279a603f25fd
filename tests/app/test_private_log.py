"""No database error carries note text: not its message, not what is chained to it, no log, not the server's own."""

import contextlib
import logging
import traceback
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, Executable, insert, text, update

from app.database.engine import is_sqlite, open_engine, write
from app.database.tables import AssignedCode, Note, Patient
from app.errors import DatabaseUnavailable
from model.dataset import Document
from tests.app.fakes import CANARY, FakeCoder, index_into, write_dataset
from tests.conftest import disposed_engines
from tests.postgres_server import ROLE, PostgresServer

TEXT = f"{CANARY} Old Mr Testperson was admitted."
WHOLE = {"note_id": "n9", "split": "train", "source": "s", "text": TEXT, "text_hash": "0"}
FAILING: dict[str, list[Executable]] = {
    "a missing value": [insert(Note).values({**WHOLE, "split": None})],
    "a key that is there": [insert(Note).values(WHOLE), insert(Note).values(WHOLE)],
    "a reference to nothing": [insert(Note).values({**WHOLE, "patient_id": 99})],
    "a text as an id": [insert(Patient).values(subject_id=TEXT)] * 2,
    "a text too long for its column": [insert(Note).values({**WHOLE, "note_id": TEXT * 9, "patient_id": 99})],
    "a row made wrong by an update": [insert(Note).values(WHOLE), update(Note).values(split=None)],
    "a text where a number belongs": [
        text("INSERT INTO assigned_codes VALUES (CAST(:t AS integer), NULL, :t, :t, :t)").bindparams(t=TEXT)
    ],
    "a statement that holds a text": [text(f"INSERT INTO nowhere VALUES ('{TEXT}')")],  # noqa: S608 - the point
}


@pytest.fixture
def url(migrated_url: str) -> str:
    """Every test of this file runs on both engines."""
    return migrated_url


@pytest.fixture
def engine(url: str) -> Engine:
    return open_engine(url)


@pytest.mark.parametrize("what", FAILING)
def test_a_failing_row_shows_itself_nowhere(
    engine: Engine, what: str, logs: StringIO, request: pytest.FixtureRequest
) -> None:
    """Message, arguments, parameters, traceback with everything chained, logs, and the server's log."""
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    try:
        with write(engine) as connection:
            for statement in FAILING[what]:
                connection.execute(statement)
        pytest.fail("the rows did not fail")
    except DatabaseUnavailable as error:
        told = "".join(traceback.format_exception(error))
        chained: list[BaseException] = [error]
        while chained[-1].__context__ is not None:
            chained.append(chained[-1].__context__)
        told += "".join(
            "".join(traceback.format_exception(each)) + repr(each.args) + repr(getattr(each, "params", ""))
            for each in chained
        )
        logging.getLogger("some.library").exception("failed")
    assert "Error" in told
    statement_itself = what == "a statement that holds a text"  # SQLAlchemy shows the statement: ours hold no values
    assert CANARY not in (told.replace(f"('{TEXT}')", "") if statement_itself else told)
    assert CANARY not in logs.getvalue()
    if not is_sqlite(engine):
        server: PostgresServer = request.getfixturevalue("postgres")
        assert CANARY not in server.log.read_text()


def test_indexing_with_texts_leaves_no_word_in_the_servers_log(
    postgres: PostgresServer, coder: FakeCoder, tmp_path: Path, template: str
) -> None:
    """Though the server is told to log every statement with its values."""
    url = postgres.new_database(f"TEMPLATE {template}")
    notes = [Document(f"n{i}", "p", "train", f"{TEXT} {i}", ()) for i in range(20)]
    with disposed_engines():
        index_into(url, coder, write_dataset(tmp_path / "data", notes), store_text=True)
    postgres.drop_database(url)
    assert CANARY not in postgres.log.read_text()


def test_the_server_would_log_rows_of_another_program(postgres: PostgresServer) -> None:
    """The control of the tests above: a session without our settings shows all, in each of the ways."""
    psycopg = pytest.importorskip("psycopg")
    told = "Zzyzxother"
    for statement in (f"SELECT '{told}1'::integer", f"SELECT '{told}2'"):
        with contextlib.suppress(psycopg.Error):
            postgres.execute(statement)
    log = postgres.log.read_text()
    assert f'invalid input syntax for type integer: "{told}1"' in log
    assert f"statement: SELECT '{told}2'" in log


def test_a_role_that_cannot_close_the_log_may_not_store_texts(
    postgres: PostgresServer, coder: FakeCoder, tmp_path: Path, template: str
) -> None:
    """The sentence holds the grant that helps; without texts the role may index."""
    url = postgres.new_database(f"TEMPLATE {template}")
    postgres.execute("CREATE ROLE clerk LOGIN")
    with disposed_engines():
        with write(open_engine(url)) as connection:
            connection.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk"))
            connection.execute(text("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO clerk"))
        clerk = url.replace(f"{ROLE}@", "clerk@")
        data = write_dataset(tmp_path / "data")
        with pytest.raises(
            DatabaseUnavailable, match="GRANT SET ON PARAMETER log_min_messages, log_error_verbosity"
        ) as caught:
            index_into(clerk, coder, data, store_text=True)
        assert index_into(clerk, coder, data).added == 3
        grant = str(caught.value).split("`")[1]
        postgres.execute(grant)
        assert index_into(clerk, coder, data, store_text=True).texts_added == 3
    postgres.drop_database(url)
    postgres.execute(grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))
    postgres.execute("DROP ROLE clerk")


def test_what_was_stored_by_hand_is_no_error(engine: Engine) -> None:
    """The statements above fail for their reason, not for another."""
    with write(engine) as connection:
        connection.execute(insert(Note).values(WHOLE))
        connection.execute(insert(AssignedCode).values(note_id=1, sequence=1, system="icd9cm", code="1", title=TEXT))
