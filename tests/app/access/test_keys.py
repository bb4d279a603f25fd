"""Keys: made once, found by themselves alone, and only while they are valid."""

import logging
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from sqlalchemy import Engine, select, text, update
from structlog.testing import capture_logs

from app.access.key_use import KeyUses
from app.access.keys import FORM, create_key, find_caller, list_keys, revoke_all_keys, revoke_key
from app.access.scopes import Scope
from app.database.engine import open_engine, write
from app.database.tables import ApiKey, KeySecret
from app.errors import ExpiredKey, RevokedKey, WrongKey
from model.errors import InvalidOption
from tests.app.access_log.rows import logged
from tests.app.database.read_only import read_only

SECRET = b"s" * 32
READ = frozenset({Scope.PREDICT, Scope.NEIGHBOURS})


@pytest.fixture
def engine(migrated_url: str) -> Engine:
    """Every test of this file runs on both engines."""
    return open_engine(migrated_url)


def test_a_key_opens_for_its_scopes(engine: Engine) -> None:
    """Under its id."""
    key = create_key(engine, SECRET, "ward 3", READ, timedelta(days=90))
    caller = find_caller(engine, SECRET, key.text)
    assert (caller.who, caller.scopes) == (key.key_id, READ)
    parts = FORM.fullmatch(key.text)
    assert parts is not None
    assert len(parts[2]) == 43  # 256 bits


def test_the_database_keeps_nothing_that_opens(engine: Engine) -> None:
    """No column holds the secret part, nor does the log or the key's repr; a wrong server secret opens nothing."""
    key = create_key(engine, SECRET, "ward 3", READ)
    random = key.text[21:]
    with engine.connect() as connection:
        rows = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in ("api_keys", "access_log")]  # noqa: S608 - two names
    assert random not in str(rows)
    assert random not in repr(key)
    assert random.encode() not in bytes(rows[0][0].tag)
    with pytest.raises(WrongKey):
        find_caller(engine, b"t" * 32, key.text)


@pytest.mark.parametrize("place", [0, 5, 19, 20, 21, 40, 63])
def test_any_other_character_is_another_key(engine: Engine, place: int) -> None:
    """Of the prefix, the id, the secret part."""
    key = create_key(engine, SECRET, "x", READ).text
    other = "0" if key[place] != "0" else "1"
    with pytest.raises(WrongKey):
        find_caller(engine, SECRET, key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize("sent", ["", "icd_", "x" * 10_000, "icd_" + "0" * 16 + "_" + "A" * 43, "ключ", "\x00", " "])
def test_what_is_no_key_is_wrong(engine: Engine, sent: str) -> None:
    """In the same words as a key that was altered, and without the value."""
    create_key(engine, SECRET, "x", READ)
    with pytest.raises(WrongKey, match="not known to this service"):
        find_caller(engine, SECRET, sent)


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": "admin,neighbours,predict,review,text"},
        {"expires_at": datetime(2099, 1, 1, tzinfo=UTC)},
        {"expires_at": None},
        {"key_id": "0" * 16},
    ],
)
def test_who_changes_the_table_gets_no_more_rights(engine: Engine, change: dict[str, object]) -> None:
    """Scopes, expiry and id are under the key's hash."""
    key = create_key(engine, SECRET, "x", READ, timedelta(days=1))
    with write(engine) as connection:
        connection.execute(update(ApiKey).values(change))
    sent = key.text.replace(key.key_id, str(change.get("key_id", key.key_id)))
    with pytest.raises(WrongKey):
        find_caller(engine, SECRET, sent)


def test_revoked_and_expired_keys_say_so_to_their_holder_alone(engine: Engine) -> None:
    """Who does not have the whole key learns nothing of it."""
    revoked = create_key(engine, SECRET, "x", READ)
    revoke_key(engine, revoked.key_id)
    expired = create_key(engine, SECRET, "x", READ, timedelta(microseconds=-1))
    for key, error in ((revoked, RevokedKey), (expired, ExpiredKey)):
        with pytest.raises(error):
            find_caller(engine, SECRET, key.text)
        with pytest.raises(WrongKey):
            find_caller(engine, SECRET, key.text[:-2] + ("AA" if not key.text.endswith("AA") else "BB"))


def test_revoking_is_logged_once_and_for_good(engine: Engine) -> None:
    """A second time changes nothing; an unknown id is named as such."""
    key = create_key(engine, SECRET, "x", READ)
    revoke_key(engine, key.key_id)
    first = list_keys(engine)[0].revoked_at
    revoke_key(engine, key.key_id)
    assert list_keys(engine)[0].revoked_at == first
    with pytest.raises(InvalidOption, match="keys list"):
        revoke_key(engine, "absent")
    actions = [(who, action) for who, action, _, _ in logged(engine)]
    assert actions == [
        ("command-line", f"keys create {key.key_id}"),
        ("command-line", f"keys revoke {key.key_id}"),
    ]


def test_a_database_that_cannot_be_written_refuses_no_key(engine: Engine) -> None:
    """Its use is not noted, which is logged by the error's name; the next try comes a minute later, on both engines."""
    key = create_key(engine, SECRET, "x", READ)
    now = [1000.0]
    uses = KeyUses(engine, lambda: now[0])
    with read_only(engine), capture_logs() as logs:
        for _ in range(3):
            assert find_caller(engine, SECRET, key.text, uses).who == key.key_id
    assert [(line["event"], line["log_level"]) for line in logs] == [("the use of a key cannot be noted", "warning")]
    assert logs[0]["error"] in ("SQLITE_READONLY", "ReadOnlySqlTransaction")
    assert list_keys(engine)[0].last_used_at is None
    find_caller(engine, SECRET, key.text, uses)
    assert list_keys(engine)[0].last_used_at is None  # still paused
    now[0] += 60
    find_caller(engine, SECRET, key.text, uses)
    assert list_keys(engine)[0].last_used_at is not None


def test_the_use_is_noted_once_a_minute(engine: Engine) -> None:
    """Not at every request."""
    key = create_key(engine, SECRET, "x", READ)
    assert list_keys(engine)[0].last_used_at is None
    find_caller(engine, SECRET, key.text)
    first = list_keys(engine)[0].last_used_at
    assert first is not None
    find_caller(engine, SECRET, key.text)
    assert list_keys(engine)[0].last_used_at == first
    with write(engine) as connection:
        connection.execute(update(ApiKey).values(last_used_at=first - timedelta(seconds=61)))
    find_caller(engine, SECRET, key.text)
    last = list_keys(engine)[0].last_used_at
    assert last is not None
    assert last >= first


def test_a_wrong_key_does_not_count_as_a_use(engine: Engine) -> None:
    """Of the key whose id it has."""
    key = create_key(engine, SECRET, "x", READ)
    with pytest.raises(WrongKey):
        find_caller(engine, b"t" * 32, key.text)
    assert list_keys(engine)[0].last_used_at is None


def test_giving_up_all_keys_forgets_their_secret(engine: Engine) -> None:
    """So that a lost secret is no dead end."""
    with write(engine) as connection:
        connection.execute(text(f"INSERT INTO key_secrets (id, fingerprint) VALUES (1, '{'f' * 64}')"))  # noqa: S608 - ours
    keys = [create_key(engine, SECRET, "x", READ) for _ in range(3)]
    revoke_key(engine, keys[0].key_id)
    assert revoke_all_keys(engine) == 2
    assert {key.state(datetime.now(UTC)) for key in list_keys(engine)} == {"revoked"}
    with engine.connect() as connection:
        assert connection.scalars(select(KeySecret.fingerprint)).all() == []


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "two\nlines", "bell\x07"])
def test_a_name_is_one_line(engine: Engine, name: str) -> None:
    """Otherwise nothing is made."""
    with pytest.raises(InvalidOption, match="--name"):
        create_key(engine, SECRET, name, READ)
    assert list_keys(engine) == []


def test_no_key_is_logged(engine: Engine, logs: StringIO) -> None:
    """Not even by SQLAlchemy at its most talkative."""
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    key = create_key(engine, SECRET, "x", READ)
    find_caller(engine, SECRET, key.text)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    assert key.text[21:] not in logs.getvalue()
