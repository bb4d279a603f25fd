"""The server's secret: where it lies, and what is said when it is not there or another one."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.access.key_secret import open_secret
from app.access.keys import create_key, find_caller, revoke_all_keys
from app.access.scopes import Scope
from app.database.backup.dump import dump
from app.database.backup.load import load
from app.database.engine import open_engine
from app.errors import WrongKey
from app.settings import Settings, load_settings
from model.errors import InvalidOption, MissingInput

LONG = "0123456789abcdef" * 4


@pytest.fixture
def engine(url: str) -> Engine:
    return open_engine(url)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    return tmp_path / "notes.sqlite3.secret"


def in_file(tmp_path: Path, content: str) -> Settings:
    """Settings that name a file with this secret."""
    (tmp_path / "named").write_text(content)
    return load_settings(key_secret_file=tmp_path / "named")


def test_the_first_use_makes_a_private_file(engine: Engine, beside: Path) -> None:
    """That later uses find."""
    secret = open_secret(engine, load_settings())
    assert beside.stat().st_mode & 0o777 == 0o600
    assert len(secret) == 64
    assert open_secret(engine, load_settings()) == secret


def test_starts_at_once_have_one_secret(url: str) -> None:
    """Not one each."""
    barrier, found = threading.Barrier(4), []

    def start() -> None:
        barrier.wait(20)
        found.append(open_secret(open_engine(url), load_settings()))

    starts = [threading.Thread(target=start) for _ in range(4)]
    for each in starts:
        each.start()
    for each in starts:
        each.join(30)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_a_lost_file_is_named_and_no_dead_end(engine: Engine, beside: Path) -> None:
    """It is not replaced in silence: the keys would all be wrong."""
    key = create_key(engine, open_secret(engine, load_settings()), "x", frozenset(Scope))
    beside.unlink()
    with pytest.raises(MissingInput, match=r"notes\.sqlite3\.secret' of the keys is not there.*revoke --all"):
        open_secret(engine, load_settings())
    assert not beside.exists()
    revoke_all_keys(engine)
    secret = open_secret(engine, load_settings())
    with pytest.raises(WrongKey):
        find_caller(engine, secret, key.text)
    assert find_caller(engine, secret, create_key(engine, secret, "y", frozenset(Scope)).text).scopes == set(Scope)


def test_another_secret_does_not_fit(engine: Engine, tmp_path: Path) -> None:
    """The database knows its own by a fingerprint."""
    open_secret(engine, in_file(tmp_path, LONG))
    with pytest.raises(InvalidOption, match="made with another secret.*ICD_CODER_KEY_SECRET_FILE"):
        open_secret(engine, load_settings(key_secret=LONG.upper()))
    assert open_secret(engine, load_settings(key_secret=f" {LONG}\n")) == LONG.encode()


def test_a_secret_that_others_can_read_is_refused(engine: Engine, beside: Path) -> None:
    """With the command that mends it."""
    open_secret(engine, load_settings())
    beside.chmod(0o640)
    with pytest.raises(InvalidOption, match="chmod 600"):
        open_secret(engine, load_settings())


def test_bad_secrets_are_named_without_their_value(engine: Engine, tmp_path: Path) -> None:
    """Too short, no text, absent, two of them."""
    with pytest.raises(InvalidOption, match="KEY_SECRET_FILE has 5 characters, 32 are needed") as caught:
        open_secret(engine, in_file(tmp_path, "short\n"))
    assert "short" not in str(caught.value)
    (tmp_path / "bytes").write_bytes(b"\xff" * 64)
    with pytest.raises(InvalidOption, match="is no text"):
        open_secret(engine, load_settings(key_secret_file=tmp_path / "bytes"))
    with pytest.raises(MissingInput, match=r"absent' cannot be read .No such file"):
        open_secret(engine, load_settings(key_secret_file=tmp_path / "absent"))
    with pytest.raises(InvalidOption, match="are both set"):
        open_secret(engine, load_settings(key_secret=LONG, key_secret_file=tmp_path / "bytes"))
    assert LONG not in repr(load_settings(key_secret=LONG))


def test_a_server_database_needs_a_named_secret(migrated_url: str) -> None:
    """There is no folder beside it."""
    if migrated_url.startswith("sqlite"):
        pytest.skip("the file has its own tests")
    engine = open_engine(migrated_url)
    with pytest.raises(InvalidOption, match="openssl rand -hex 32 > FILE.*ICD_CODER_KEY_SECRET_FILE"):
        open_secret(engine, load_settings())
    assert open_secret(engine, load_settings(key_secret=LONG)) == LONG.encode()


def test_a_backup_restores_keys_for_who_has_the_secret(engine: Engine, beside: Path, tmp_path: Path) -> None:
    """The secret is not in the backup."""
    secret = open_secret(engine, load_settings())
    key = create_key(engine, secret, "x", frozenset({Scope.TEXT}))
    dump(engine, tmp_path / "backup")
    assert secret not in (tmp_path / "backup").read_bytes()
    load(tmp_path / "backup", f"sqlite:///{tmp_path}/new.sqlite3")
    restored = open_engine(f"sqlite:///{tmp_path}/new.sqlite3")
    with pytest.raises(MissingInput, match=r"new\.sqlite3\.secret"):
        open_secret(restored, load_settings())
    found = open_secret(restored, load_settings(key_secret_file=beside))
    assert find_caller(restored, found, key.text).scopes == {Scope.TEXT}
