"""Access keys: created, shown once, looked up and revoked. The database holds no whole key (docs/decisions/0015)."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update

from app.access.caller import Caller
from app.access.key_use import KeyUses
from app.access.scopes import Scope, parse_scopes, write_scopes
from app.access_log.hash_chain import COMMAND_LINE, Entry, append
from app.database.engine import read, write
from app.database.prepared_read import PreparedRead
from app.database.tables import ApiKey, KeySecret
from app.errors import ExpiredKey, RevokedKey, WrongKey
from model.errors import InvalidOption

FORM = re.compile(r"icd_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
"""The id, which may be shown, and 256 random bits."""
USE_NOTED_EVERY = timedelta(minutes=1)
"""Otherwise a busy key would write at every request."""
LONGEST_NAME = 100
LIFETIME_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST_LIFETIME = timedelta(days=3660)
"""Ten years; a key without an end is made without --expires."""
_BY_ID = PreparedRead(
    select(ApiKey.name, ApiKey.scopes, ApiKey.expires_at, ApiKey.tag, ApiKey.revoked_at, ApiKey.last_used_at).where(
        ApiKey.key_id == bindparam("key_id")
    )
)
WRONG = "the access key is not known to this service: send the key as `icd-coder keys create` showed it"


@dataclass(frozen=True)
class NewKey:
    """A key that was just created; its text is not stored."""

    key_id: str
    text: str = field(repr=False)


class Grant(NamedTuple):
    """The scopes of a key, and when it expires."""

    key_id: str
    scopes: str
    expires_at: datetime | None

    def tag(self, secret: bytes, random: str) -> bytes:
        """HMAC-SHA256 of the key's secret part and of the grant under the server's secret.

        It covers the grant, so a key whose scopes or expiry were changed in the table is no longer valid.
        """
        expires = (
            None if self.expires_at is None else self.expires_at.astimezone(UTC).isoformat(timespec="microseconds")
        )
        return hmac.digest(secret, json.dumps([self.key_id, random, self.scopes, expires]).encode(), hashlib.sha256)


@dataclass(frozen=True)
class KnownKey:
    """A stored key, without anything secret."""

    key_id: str
    name: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> str:
        """``valid``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"


def parse_lifetime(text: str) -> timedelta:
    """The lifetime of a key as an operator writes it: 12h, 90d or 52w.

    Raises:
        InvalidOption: it cannot be read, is zero, or is more than ten years.
    """
    parts = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    lifetime = timedelta(**{LIFETIME_UNITS[parts[2]]: int(parts[1])}) if parts else timedelta()
    if not timedelta() < lifetime <= LONGEST_LIFETIME:
        raise InvalidOption(
            f"--expires '{text}' cannot be used: give hours, days or weeks such as 12h, 90d or 52w, up to ten years"
        )
    return lifetime


def create_key(
    engine: Engine, secret: bytes, name: str, scopes: frozenset[Scope], lifetime: timedelta | None = None
) -> NewKey:
    """Create a key; its text is only in the returned object.

    Raises:
        InvalidOption: the name is empty, too long or not one line.
        DatabaseUnavailable: the database cannot be written.
    """
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidOption(f"--name cannot be used: give one line of 1 to {LONGEST_NAME} characters")
    key_id, random = secrets.token_hex(8), secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    grant = Grant(key_id, write_scopes(scopes), now + lifetime if lifetime else None)
    values = {**grant._asdict(), "name": name, "tag": grant.tag(secret, random), "created_at": now}
    with write(engine) as connection:
        connection.execute(insert(ApiKey).values(values))
        append(connection, Entry(COMMAND_LINE, f"keys create {key_id}"))
    return NewKey(key_id, f"icd_{key_id}_{random}")


def list_keys(engine: Engine) -> list[KnownKey]:
    """All keys, oldest first.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    columns = [getattr(ApiKey, name) for name in KnownKey.__dataclass_fields__]
    with read(engine) as connection:
        return [KnownKey(*row) for row in connection.execute(select(*columns).order_by(ApiKey.id))]


def revoke_key(engine: Engine, key_id: str) -> None:
    """Revoke a key from now on; a key that is revoked already keeps its time of revocation.

    Raises:
        InvalidOption: there is no such key.
        DatabaseUnavailable: the database cannot be written.
    """
    with write(engine) as connection:
        if connection.scalar(select(ApiKey.id).where(ApiKey.key_id == key_id)) is None:
            raise InvalidOption("no key has this id: see the first column of `icd-coder keys list`")
        _revoke(connection, [key_id])


def revoke_all_keys(engine: Engine) -> int:
    """Revoke every key and forget their secret, so that the next key may be made with another one; their number.

    Raises:
        DatabaseUnavailable: the database cannot be written.
    """
    with write(engine) as connection:
        valid = connection.scalars(select(ApiKey.key_id).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.id)).all()
        _revoke(connection, valid)
        connection.execute(delete(KeySecret))
    return len(valid)


class FoundKey(NamedTuple):
    """The caller that a valid key stands for."""

    caller: Caller
    use_is_due: bool
    """Whether the time of use is to be written."""


def find_caller(engine: Engine, secret: bytes, text: str, uses: KeyUses | None = None) -> Caller:
    """The caller that a key stands for; the time of use is noted, at most once a minute.

    Args:
        uses: where it is noted; None: in the same database, which is tried each time.

    Raises:
        WrongKey, RevokedKey, ExpiredKey: the key is not valid.
        DatabaseUnavailable: the database cannot be read.
    """
    caller, use_is_due = look_up(engine, secret, text)
    if use_is_due:
        (uses or KeyUses(engine)).note(caller.who)
    return caller


def look_up(engine: Engine, secret: bytes, text: str) -> FoundKey:
    """As :func:`find_caller`, but nothing is written."""
    parts = FORM.fullmatch(text)
    if parts is None:
        raise WrongKey(WRONG)
    row = _BY_ID.row(engine, key_id=parts[1])
    if row is None:
        raise WrongKey(WRONG)
    name, scopes, expires_at, tag, revoked_at, last_used_at = row
    if not hmac.compare_digest(tag, Grant(parts[1], scopes, expires_at).tag(secret, parts[2])):
        raise WrongKey(WRONG)
    now = datetime.now(UTC)
    if revoked_at is not None:
        raise RevokedKey("the access key was revoked: ask the operator for another one")
    if expires_at is not None and expires_at <= now:
        raise ExpiredKey("the access key has expired: ask the operator for another one")
    use_is_due = last_used_at is None or now - last_used_at >= USE_NOTED_EVERY
    return FoundKey(Caller(parts[1], parse_scopes(scopes), name), use_is_due)


def _revoke(connection: Connection, key_ids: Sequence[str]) -> None:
    for key_id in key_ids:
        revoked = connection.execute(
            update(ApiKey)
            .where(ApiKey.key_id == key_id, ApiKey.revoked_at.is_(None))
            .values(revoked_at=datetime.now(UTC))
        )
        if revoked.rowcount:
            append(connection, Entry(COMMAND_LINE, f"keys revoke {key_id}"))
