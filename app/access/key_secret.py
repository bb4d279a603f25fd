"""The server's secret, under which keys are hashed. It is kept outside of the database, which holds its fingerprint."""

import hashlib
import hmac
import secrets
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select

from app.database.engine import database_file, database_name, write
from app.database.tables import KeySecret
from app.settings import PREFIX, Settings
from model.atomic_output import write_atomically
from model.errors import InvalidOption, MissingInput

SHORTEST = 32
"""Characters; `openssl rand -hex 32` gives 64."""
FILE_SETTING = f"{PREFIX}KEY_SECRET_FILE"
TEXT_SETTING = f"{PREFIX}KEY_SECRET"


def open_secret(engine: Engine, settings: Settings) -> bytes:
    """The secret of the settings, or of the file beside a SQLite file, which is written when the database has no keys.

    Raises:
        InvalidOption: two are named, one is too short, none is named for a server's database, or the keys of the
            database were made with another one.
        MissingInput: the file is not there.
        DatabaseUnavailable: the database cannot be written.
    """
    # Under the write lock: of two services that start together, the second finds the secret of the first.
    with write(engine) as connection:
        known = connection.scalar(select(KeySecret.fingerprint))
        secret = _named(settings) or _beside(connection, is_first=known is None)
        found = fingerprint(secret)
        if known is None:
            connection.execute(insert(KeySecret).values(id=1, fingerprint=found))
        elif not hmac.compare_digest(known, found):
            raise InvalidOption(
                f"the keys of the database '{database_name(engine.url)}' were made with another secret: name that one "
                f"with {FILE_SETTING}, or give all keys up with `icd-coder keys revoke --all`"
            )
    return secret


def fingerprint(secret: bytes) -> str:
    """HMAC-SHA256 of a constant under the secret, hex: it identifies the secret without revealing it."""
    return hmac.digest(secret, b"icd-coder: the secret of the access keys", hashlib.sha256).hex()


def secret_file(database: Path) -> Path:
    """Where the secret of a SQLite file lies: ``notes.sqlite3.secret`` beside it."""
    return database.with_name(f"{database.name}.secret")


def _named(settings: Settings) -> bytes | None:
    if settings.key_secret is not None and settings.key_secret_file is not None:
        raise InvalidOption(f"{TEXT_SETTING} and {FILE_SETTING} are both set: unset one")
    if settings.key_secret is not None:
        return _checked(settings.key_secret.get_secret_value(), TEXT_SETTING)
    return None if settings.key_secret_file is None else _read(settings.key_secret_file, FILE_SETTING)


def _beside(connection: Connection, is_first: bool) -> bytes:
    url = connection.engine.url.render_as_string(hide_password=False)
    database = database_file(url)
    if database is None:
        raise InvalidOption(
            f"the keys of '{database_name(url)}' need a secret: write one with `openssl rand -hex 32 > FILE`, and name "
            f"the file with {FILE_SETTING}"
        )
    path = secret_file(database)
    if not path.exists():
        if not is_first:
            raise MissingInput(
                f"the secret '{path}' of the keys is not there: put it back, name it with {FILE_SETTING}, or give all "
                "keys up with `icd-coder keys revoke --all`"
            )
        write_atomically(path, f"{secrets.token_hex(32)}\n".encode(), is_secret=True)
    elif path.stat().st_mode & 0o077:
        raise InvalidOption(f"the secret '{path}' can be read by others: run `chmod 600 '{path}'`")
    return _read(path, str(path))


def _read(path: Path, source: str) -> bytes:
    try:
        return _checked(path.read_text(encoding="utf-8"), source)
    except OSError as error:
        raise MissingInput(f"the secret '{path}' cannot be read ({error.strerror}): mend {source}") from None
    except UnicodeDecodeError:
        raise InvalidOption(f"the secret '{path}' is no text: write one with `openssl rand -hex 32`") from None


def _checked(text: str, source: str) -> bytes:
    stripped = text.strip()
    if len(stripped) < SHORTEST:
        raise InvalidOption(
            f"the secret of {source} has {len(stripped)} characters, {SHORTEST} are needed: "
            "write one with `openssl rand -hex 32`"
        )
    return stripped.encode("utf-8", "surrogateescape")
