"""The gate of the service: who comes in, by key or token, or anybody on this machine."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from app.access.caller import ANYBODY, Caller
from app.access.identity import open_identity
from app.access.keys import find_caller, look_up
from app.access.rate_limit import RateLimits, StrangerLimits
from app.access.secret import open_secret
from app.access.tokens import TokenVerifier, is_token
from app.database.engine import open_engine, open_reader_at_once, require_current
from app.errors import DatabaseUnavailable, ExpiredKey, MissingKey, RevokedKey, WrongKey, WrongToken
from app.settings import Settings
from model.errors import InvalidOption

SCHEME = "bearer"
HOW = "send the header `Authorization: Bearer KEY` with a key of `icd-coder keys create`"


class Gate(Protocol):
    """Lets callers in or not."""

    @property
    def loopback_only(self) -> bool:
        """Whether requests that were sent to another machine's name are refused."""

    async def admit(self, authorization: list[str], address: str) -> Caller:
        """The caller, by the values of the header Authorization; ``address`` is where the request comes from."""

    def charge(self, caller: Caller, number: int) -> None:
        """Count the further notes of a request that was let in and counted as one."""

    def close(self) -> None:
        """Release what the gate holds."""


@dataclass(frozen=True)
class OpenGate:
    """No keys: whoever reaches the port may do everything, so the port must be loopback."""

    loopback_only: bool = False
    """Set for a service; see :mod:`app.web.loopback_host`."""

    async def admit(self, authorization: list[str], address: str) -> Caller:  # noqa: ARG002 - the protocol's
        """Anybody."""
        return ANYBODY

    def charge(self, caller: Caller, number: int) -> None:
        """Nothing is counted."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class KeyGate:
    """Keys of one database, looked up at every request: a revoked key opens nothing from then on."""

    engine: Engine
    secret: bytes
    limits: RateLimits
    strangers: StrangerLimits
    tokens: TokenVerifier | None = None
    """None: no identity provider is named."""
    at_once: Engine | None = None
    """For reads in the event loop; see :func:`app.database.engine.open_reader_at_once`."""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"KeyGate({self.engine!r})"

    @property
    def loopback_only(self) -> bool:
        """Who has a key may ask by any name: a web page has none."""
        return False

    async def admit(self, authorization: list[str], address: str) -> Caller:
        """The holder of the key, or of the identity provider's token.

        A key is looked up however often its address was refused: behind one proxy are many.

        Raises:
            MissingKey, WrongKey, RevokedKey, ExpiredKey, WrongToken: nobody.
            IdentityUnavailable: the provider's keys cannot be had now.
            RateLimited: too often, by the key or by nobody from this address.
            DatabaseUnavailable: the keys cannot be read now.
        """
        try:
            caller = await self._holder(authorization)
        except (MissingKey, WrongKey, RevokedKey, ExpiredKey, WrongToken):
            self.strangers.count(address)
            raise
        self.limits.count(caller.who)
        return caller

    def charge(self, caller: Caller, number: int) -> None:
        """Count the further notes of a request that was let in and counted as one.

        Raises:
            RateLimited, InvalidOption: see :meth:`app.access.rate_limit.RateLimits.count`.
        """
        if number:
            self.limits.count(caller.who, number, counted=1)

    async def _holder(self, authorization: list[str]) -> Caller:
        if not authorization:
            raise MissingKey(f"the request has no access key: {HOW}")
        scheme, _, text = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != SCHEME:
            raise WrongKey(f"the access key is not sent as this service reads it: {HOW}")
        if self.tokens is not None and is_token(text):
            return await self.tokens.caller(text.strip())
        return await self._holder_of_key(text.strip())

    async def _holder_of_key(self, text: str) -> Caller:
        """In the event loop where that cannot block it: a thread takes longer than the lookup."""
        if self.at_once is not None:
            with suppress(DatabaseUnavailable):  # locked, away or damaged: a thread can wait, and say what it is
                caller, use_is_due = look_up(self.at_once, self.secret, text)
                if not use_is_due:
                    return caller
        return await asyncio.to_thread(find_caller, self.engine, self.secret, text)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()
        if self.at_once is not None:
            self.at_once.dispose()


def open_gate(settings: Settings, no_auth: bool) -> Gate:
    """The gate of the settings, checked before a bundle is loaded.

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
    return KeyGate(engine, secret, limits, strangers, open_identity(settings, secret), at_once)
