"""Bearer tokens of an identity provider (OpenID Connect): who holds one, after everything about it was checked.

RFC 8725 (best practices for JWTs): the algorithm is one of an allow-list without shared secrets and that of the key;
issuer, audience, expiry and subject must be there and fit.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import InvalidSubjectError

from app.access.caller import Caller
from app.access.granted_scopes import GrantedScopes
from app.access.signing_keys import Jwk, SigningKeys
from app.errors import WrongToken

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Those that verify with a public key."""
LEEWAY_SECONDS = 30
"""By which the clocks of provider and service may differ."""
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
"""Part of the token, and what is wrong with it, by error; the first that fits."""


def is_token(text: str) -> bool:
    """Whether it has the form of a signed token: three parts with dots between, which no access key has."""
    return text.count(".") == 2


def subject_name(secret: bytes, issuer: str, subject: str) -> str:
    """What logs call a subject, which may be a person's name or address: 128 bits of HMAC-SHA256 of issuer and subject
    under the server's secret.
    """
    tag = hmac.digest(secret, json.dumps(["subject", issuer, subject]).encode(), hashlib.sha256)
    return f"sub-{tag.hex()[:32]}"


@dataclass(frozen=True)
class TokenVerifier:
    """Tokens of one issuer for one audience."""

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
        """Who holds the token.

        Raises:
            WrongToken: it opens nothing; names the claim, never a value.
            IdentityUnavailable: the provider's keys cannot be had now.
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
        return Caller(subject_name(self.secret, self.issuer, subject), scopes)

    def _header(self, text: str) -> tuple[str, str]:
        """Algorithm and key id, which nobody has vouched for yet."""
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
