"""The public keys of an identity provider (JWKS, RFC 7517), read from a file or fetched from an address.

PyJWT's own client is not used: while a provider is down it asks it at every token and forgets the last keys at the end
of their lifetime; it also reads an answer of any size, and blocks.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
import structlog

from app.errors import IdentityUnavailable
from model.errors import MalformedInput, MissingInput

FLOOR_SECONDS = 60.0
"""Least time between two fetches, whatever key ids tokens name: a client cannot make the service flood the provider."""
FRESH_SECONDS = 3600.0
"""Age at which the keys are fetched again, so that a key that the provider has withdrawn is forgotten."""
STALE_SECONDS = 24 * 3600.0
"""Age up to which the last keys are used while the provider cannot be reached."""
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 1_000_000
ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})
"""Key types with a public part; "oct" is a shared secret."""
Jwk = Mapping[str, Any]


class SigningKeys(Protocol):
    """Finds public keys by their id."""

    async def find(self, key_id: str) -> Jwk | None:
        """The key, or None.

        Raises:
            IdentityUnavailable: the keys cannot be fetched now.
        """


@dataclass(frozen=True)
class KeysOfFile:
    """Keys that were read from a file at the start."""

    keys: Mapping[str, Jwk]

    async def find(self, key_id: str) -> Jwk | None:
        """As :meth:`SigningKeys.find`; never raises."""
        return self.keys.get(key_id)


def read_keys(path: Path) -> KeysOfFile:
    """The keys of a file.

    Raises:
        MissingInput, MalformedInput: it cannot be read, or holds none.
    """
    try:
        return KeysOfFile(parse_keys(path.read_bytes()))
    except OSError as error:
        raise MissingInput(f"the keys '{path}' cannot be read ({error.strerror}): mend ICD_CODER_OIDC_JWKS") from None
    except ValueError as error:
        raise MalformedInput(f"'{path}' cannot be used ({error}): save the provider's JWKS there") from None


def parse_keys(document: bytes) -> dict[str, Jwk]:
    """The public signing keys of a JWKS by id. Keys without an id, for encryption or with a shared secret are left out.

    Raises:
        ValueError: the document is no JWKS, or has no such key.
    """
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("it is no JSON object with 'keys'") from None
    found: dict[str, Jwk] = {
        key["kid"]: key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict)
        and isinstance(key.get("kid"), str)
        and key.get("kty") in ASYMMETRIC
        and key.get("use", "sig") == "sig"
    }
    if not found:
        raise ValueError("it holds no public key with a 'kid'")
    return found


@dataclass
class FetchedKeys:
    """Keys of an address, fetched at the first token, and again for an unknown key id or after an hour."""

    address: str
    transport: httpx.AsyncBaseTransport | None = None
    """None for the network."""
    clock: Callable[[], float] = time.monotonic
    proxy: str | None = None
    """The only proxy that counts: HTTP_PROXY of a machine is no choice of who may hand out the keys."""
    _keys: Mapping[str, Jwk] = field(default_factory=dict)
    _fetched: float = field(init=False)
    _tried: float = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Nothing is fetched yet."""
        self._fetched = self.clock() - STALE_SECONDS
        self._tried = self.clock() - FLOOR_SECONDS

    async def find(self, key_id: str) -> Jwk | None:
        """As :meth:`SigningKeys.find`; requests that come together share one fetch."""
        if not self._knows(key_id):
            async with self._turn:
                if not self._knows(key_id) and self.clock() - self._tried >= FLOOR_SECONDS:
                    await self._fetch()
        if self.clock() - self._fetched >= STALE_SECONDS:
            raise IdentityUnavailable("the identity provider's keys cannot be had now: try again later, or use a key")
        return self._keys.get(key_id)

    def _knows(self, key_id: str) -> bool:
        return key_id in self._keys and self.clock() - self._fetched < FRESH_SECONDS

    async def _fetch(self) -> None:
        """Replace the keys, or keep the last ones if the fetch fails."""
        self._tried = self.clock()
        try:
            self._keys = parse_keys(await self._document())
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as error:
            structlog.get_logger().error("the identity provider's keys cannot be had", error=type(error).__name__)
        else:
            self._fetched = self.clock()

    async def _document(self) -> bytes:
        """Raises ValueError for more than MOST_BYTES, TimeoutError, and errors of httpx."""
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            httpx.AsyncClient(
                transport=self.transport,
                proxy=self.proxy,
                trust_env=False,  # neither HTTP_PROXY nor a .netrc file
                verify=httpx.create_ssl_context(),  # SSL_CERT_FILE counts: it names a clinic's own authority
                timeout=TIMEOUT_SECONDS,
            ) as client,
            client.stream("GET", self.address) as answer,
        ):
            answer.raise_for_status()
            document = bytearray()
            async for piece in answer.aiter_bytes():
                document += piece
                if len(document) > MOST_BYTES:
                    raise ValueError("too large")
            return bytes(document)
