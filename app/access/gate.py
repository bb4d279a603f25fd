"""Authentication: turns the Authorization header of a request into its caller."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from app.access.caller import ANONYMOUS, Caller
from app.access.key_secret import open_secret
from app.access.key_use import KeyUses
from app.access.keys import find_caller, look_up
from app.access.rate_limit import RateLimits, StrangerLimits
from app.access.tokens import TokenVerifier, is_token, open_token_verifier
from app.database.engine import open_engine, open_reader_at_once, require_current
from app.errors import DatabaseUnavailable, ExpiredKey, MissingKey, RevokedKey, WrongKey, WrongToken
from app.settings import Settings
from model.errors import InvalidOption

SCHEME = "bearer"
NOTING_MS = 250
"""How long a request waits for a lock to note the use of its key; otherwise the next request notes it."""
HOW = "send the header `Authorization: Bearer KEY` with a key of `icd-coder keys create`"


class Gate(Protocol):
    """Authenticates requests."""

    @property
    def loopback_only(self) -> bool:
        """Whether a request whose Host header is not a loopback address is refused."""

    async def admit(self, authorization: list[str], address: str) -> Caller:
        """The caller of a request.

        Args:
            authorization: the values of its Authorization headers.
            address: of its client, by which failed attempts are counted.
        """

    def charge(self, caller: Caller, number: int) -> None:
        """Count the further notes of a request, which was counted as one when it was admitted."""

    def close(self) -> None:
        """Close the connections to the database."""


@dataclass(frozen=True)
class OpenGate:
    """Asks for no key: every request has all scopes, so the service must listen on a loopback address only."""

    loopback_only: bool = False
    """Set for a service; see :mod:`app.web.loopback_host`."""

    async def admit(self, authorization: list[str], address: str) -> Caller:  # noqa: ARG002 - the protocol's
        """The anonymous caller with all scopes."""
        return ANONYMOUS

    def charge(self, caller: Caller, number: int) -> None:
        """There is no rate limit."""

    def close(self) -> None:
        """There is no connection."""


@dataclass(frozen=True)
class KeyGate:
    """Admits access keys of one database and tokens of an identity provider.

    A key is looked up at every request, so a revoked key is refused at once.
    """

    engine: Engine
    secret: bytes
    limits: RateLimits
    strangers: StrangerLimits
    tokens: TokenVerifier | None = None
    """None without an identity provider."""
    at_once: Engine | None = None
    """For reads in the event loop; see :func:`app.database.engine.open_reader_at_once`."""
    uses: KeyUses | None = None
    """Where the uses of keys are noted."""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"KeyGate({self.engine!r})"

    @property
    def loopback_only(self) -> bool:
        """False: a web page that rebinds its name to this address has no key."""
        return False

    async def admit(self, authorization: list[str], address: str) -> Caller:
        """The caller that the access key or the token stands for.

        A valid key is admitted however many attempts from its address have failed: clients may share a proxy's address.

        Raises:
            MissingKey, WrongKey, RevokedKey, ExpiredKey, WrongToken: the request is not authenticated.
            IdentityUnavailable: the provider's keys cannot be fetched now.
            RateLimited: the key, or this address without a valid key, has made too many requests.
            DatabaseUnavailable: the keys cannot be read now.
        """
        try:
            caller = await self._caller(authorization)
        except (MissingKey, WrongKey, RevokedKey, ExpiredKey, WrongToken):
            self.strangers.count(address)
            raise
        self.limits.count(caller.who)
        return caller

    def charge(self, caller: Caller, number: int) -> None:
        """See :meth:`Gate.charge`.

        Raises:
            RateLimited, InvalidOption: see :meth:`app.access.rate_limit.RateLimits.count`.
        """
        if number:
            self.limits.count(caller.who, number, counted=1)

    async def _caller(self, authorization: list[str]) -> Caller:
        if not authorization:
            raise MissingKey(f"the request has no access key: {HOW}")
        scheme, _, text = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != SCHEME:
            raise WrongKey(f"the access key is not sent as this service reads it: {HOW}")
        if self.tokens is not None and is_token(text):
            return await self.tokens.caller(text.strip())
        return await self._caller_of_key(text.strip())

    async def _caller_of_key(self, text: str) -> Caller:
        """Look a key up in the event loop where that cannot block; a thread takes longer than the lookup itself."""
        if self.at_once is not None:
            with suppress(DatabaseUnavailable):  # locked or damaged: a thread can wait, and report what it is
                caller, use_is_due = look_up(self.at_once, self.secret, text)
                if not use_is_due or (self.uses is not None and self.uses.paused):
                    return caller
        return await asyncio.to_thread(find_caller, self.engine, self.secret, text, self.uses)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()
        if self.at_once is not None:
            self.at_once.dispose()
        if self.uses is not None:
            self.uses.engine.dispose()


def open_gate(settings: Settings, no_auth: bool) -> Gate:
    """The authentication that the settings describe; checked before a bundle is loaded.

    Raises:
        InvalidOption: there is no database to keep keys in, or the secret, the limit or the identity provider cannot
            be used.
        MissingInput, MalformedInput, DatabaseOutOfStep, DatabaseUnavailable: the database or the secret cannot be used.
    """
    if no_auth:
        return OpenGate(loopback_only=True)
    if settings.database is None:
        raise InvalidOption(
            "access keys are kept in a database and none is in use: name one with --database, or answer without keys "
            "on this machine alone with --no-auth"
        )
    limits, strangers = RateLimits(settings.rate_limit), StrangerLimits(settings.stranger_limit)
    engine = open_engine(settings.database, keeps_open=True)
    require_current(engine)
    secret = open_secret(engine, settings)
    at_once = open_reader_at_once(settings.database)
    uses = KeyUses(open_engine(settings.database, busy_timeout_ms=NOTING_MS))
    return KeyGate(engine, secret, limits, strangers, open_token_verifier(settings, secret), at_once, uses)
