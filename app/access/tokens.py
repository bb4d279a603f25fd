"""Bearer tokens of an identity provider (OpenID Connect): verifies a token and names its caller.

After RFC 8725 (JSON Web Token Best Current Practices): the algorithm must be in an allow-list without shared secrets
and be that of the key; issuer, audience, expiry and subject are required and checked.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from jwt.exceptions import InvalidSubjectError

from app.access.caller import Caller
from app.access.scopes import GrantedScopes, parse_grants
from app.access.signing_keys import FetchedKeys, Jwk, SigningKeys, read_keys
from app.errors import WrongToken
from app.listening import is_loopback
from app.settings import PREFIX, Settings
from model.errors import InvalidOption

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Algorithms that verify with a public key."""
LEEWAY_SECONDS = 30
"""How far the clocks of provider and service may differ."""
LONGEST_SUBJECT = 1000
REQUIRED = ("exp", "iss", "aud", "sub")
REFUSED: tuple[tuple[type[jwt.PyJWTError], str, str], ...] = (
    (jwt.ExpiredSignatureError, "exp", "has passed"),
    (jwt.ImmatureSignatureError, "nbf", "or its iat lies in the future"),
    (jwt.InvalidIssuedAtError, "iat", "is no time"),
    (jwt.InvalidAudienceError, "aud", "is not this service"),
    (jwt.InvalidIssuerError, "iss", "is not the provider that this service trusts"),
    (InvalidSubjectError, "sub", "is no text"),
    (jwt.InvalidAlgorithmError, "alg", "is not that of its key"),
    (jwt.InvalidSignatureError, "signature", "does not fit"),
)
"""By PyJWT's error: the part of the token, and the problem; the first row that matches is used."""


def is_token(text: str) -> bool:
    """Whether a bearer credential is a signed token: three parts with dots between. An access key has no dot."""
    return text.count(".") == 2


def subject_name(secret: bytes, issuer: str, subject: str) -> str:
    """The pseudonym of a subject in logs and in the database, since a subject may be a person's name or address.

    The first 128 bits of an HMAC-SHA256 of issuer and subject under the server's secret.
    """
    tag = hmac.digest(secret, json.dumps(["subject", issuer, subject]).encode(), hashlib.sha256)
    return f"sub-{tag.hex()[:32]}"


@dataclass(frozen=True)
class TokenVerifier:
    """Verifies tokens of one issuer for one audience."""

    issuer: str
    audience: str
    algorithms: frozenset[str]
    keys: SigningKeys
    scopes: GrantedScopes
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret."""
        return f"TokenVerifier({self.issuer!r}, {self.audience!r})"

    async def caller(self, text: str) -> Caller:
        """The caller that a token names.

        Raises:
            WrongToken: the token is not valid, or grants no scope; the message names the claim, never its value.
            IdentityUnavailable: the provider's keys cannot be fetched now.
        """
        algorithm, key_id = self._header(text)
        key = await self.keys.find(key_id)
        if key is None:
            raise WrongToken("kid", "is none of the provider's keys")
        claims = self._claims(text, _usable(key, algorithm))
        subject = claims["sub"]
        if not subject or len(subject) > LONGEST_SUBJECT:
            raise WrongToken("sub", "is empty or too long")
        scopes = self.scopes.of(claims)
        if not scopes:
            raise WrongToken(self.scopes.claim, "grants no scope of this service")
        pseudonym = subject_name(self.secret, self.issuer, subject)
        return Caller(pseudonym, scopes, pseudonym)

    def _header(self, text: str) -> tuple[str, str]:
        """Algorithm and key id, before the signature is verified."""
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError, RecursionError):
            header = None
        if header is None:
            raise WrongToken("header", "cannot be read")
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self.algorithms:
            raise WrongToken("alg", "is none that this service allows")
        if not isinstance(key_id, str):
            raise WrongToken("kid", "is missing")
        return algorithm, key_id

    def _claims(self, text: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[key.algorithm_name],
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(REQUIRED), "enforce_minimum_key_length": True},
            )
        except (jwt.PyJWTError, ValueError, RecursionError, OverflowError) as error:
            refusal = _refusal(error)
        else:
            return claims
        raise refusal  # outside of the library's error, which may hold parts of the token


def _usable(key: Jwk, algorithm: str) -> jwt.PyJWK:
    """The key for the token's algorithm, which must be the key's own where it names one."""
    try:
        usable = jwt.PyJWK(dict(key), algorithm) if key.get("alg", algorithm) == algorithm else None
    except jwt.PyJWTError:
        usable = None
    if usable is None:
        raise WrongToken("alg", "is not that of its key")
    return usable


def _refusal(error: Exception) -> WrongToken:
    if isinstance(error, jwt.MissingRequiredClaimError):
        return WrongToken(error.claim, "is missing")
    for kind, part, problem in REFUSED:
        if isinstance(error, kind):
            return WrongToken(part, problem)
    return WrongToken("content", "cannot be read")


def open_token_verifier(settings: Settings, secret: bytes) -> TokenVerifier | None:
    """The verifier that the settings describe, None without an issuer. An address of keys is not fetched yet.

    Raises:
        InvalidOption: the settings do not fit together.
        MissingInput, MalformedInput: the file of keys cannot be read.
    """
    named = {
        "oidc_issuer": settings.oidc_issuer,
        "oidc_audience": settings.oidc_audience,
        "oidc_jwks": settings.oidc_jwks,
    }
    if not any(named.values()):
        return None
    missing = [PREFIX + name.upper() for name, value in named.items() if not value]
    if missing:
        raise InvalidOption(f"tokens need {' and '.join(missing)} too: set issuer, audience and JWKS, or none of them")
    return TokenVerifier(
        str(settings.oidc_issuer),
        str(settings.oidc_audience),
        _algorithms(settings.oidc_algorithms),
        _keys(str(settings.oidc_jwks), settings.oidc_proxy),
        GrantedScopes(settings.oidc_claim, parse_grants(settings.oidc_roles)),
        secret,
    )


def _algorithms(text: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names or not names <= ALGORITHMS:
        raise InvalidOption(
            f"the setting {PREFIX}OIDC_ALGORITHMS cannot be used: '{text}' is no list of {','.join(sorted(ALGORITHMS))}"
        )
    return names


def _keys(source: str, proxy: str | None) -> SigningKeys:
    address = urlsplit(source)
    if address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or "")):
        return FetchedKeys(source, proxy=_checked_proxy(proxy))
    if address.scheme == "http":
        raise InvalidOption(
            f"the setting {PREFIX}OIDC_JWKS cannot be used: over http:// anyone on the way can change the keys: use https://"
        )
    return read_keys(Path(source))


def _checked_proxy(proxy: str | None) -> str | None:
    """The proxy, or InvalidOption, which does not repeat it: it may hold a password."""
    if proxy is None:
        return None
    try:
        httpx.Proxy(proxy)
        named = bool(urlsplit(proxy).hostname) and urlsplit(proxy).scheme in ("http", "https")
    except (ValueError, httpx.InvalidURL):
        named = False
    if not named:
        raise InvalidOption(
            f"the setting {PREFIX}OIDC_PROXY cannot be used: give an address such as http://proxy.example:3128"
        )
    return proxy
