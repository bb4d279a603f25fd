"""An invented identity provider: keys made for the tests, and tokens signed with them."""

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://login.hospital.example"
AUDIENCE = "icd-coder"
SUBJECT = "testperson@hospital.example"
KINDS = {"RS256": RSAAlgorithm, "PS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


@cache
def private_key(algorithm: str) -> Any:
    """A key for an algorithm, the same within a run; one of "foreign" that the provider does not have."""
    if algorithm in ("RS256", "PS256", "foreign"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def public_pem(algorithm: str) -> bytes:
    """The public key as anybody can have it."""
    spelling = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = private_key(algorithm).public_key().public_bytes(*spelling)
    return pem


def jwks(*algorithms: str) -> dict[str, Any]:
    """The public keys; the key id is the algorithm."""
    keys = []
    for name in algorithms or tuple(KINDS):
        public = KINDS[name].to_jwk(private_key(name).public_key(), as_dict=True)
        keys.append({**public, "kid": name, "use": "sig"})
    return {"keys": keys}


def write_jwks(folder: Path) -> str:
    """A file with the keys."""
    path = folder / "jwks.json"
    path.write_text(json.dumps(jwks()))
    return str(path)


def claims(**changes: Any) -> dict[str, Any]:
    """Those of a good token that opens predictions; None removes one."""
    now = int(time.time())
    whole = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "nbf": now, "exp": now + 600, "scope": "predict",
    }  # fmt: skip
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def token(algorithm: str = "RS256", key: str = "", kid: str | None = "", **changes: Any) -> str:
    """A signed token; ``kid`` None for none."""
    headers = {} if kid is None else {"kid": kid or algorithm}
    return jwt.encode(claims(**changes), private_key(key or algorithm), algorithm, headers)


def by_hand(header: dict[str, Any], secret: bytes | None = None) -> str:
    """A token that the library would not make: with HMAC-SHA256 under any bytes, or unsigned."""
    parts = [_base64(json.dumps(part).encode()) for part in (header, claims())]
    signed = ".".join(parts)
    signature = b"" if secret is None else hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64(signature)}"


def _base64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def settings_of(folder: Path) -> dict[str, str]:
    """Settings that trust the provider."""
    return {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": write_jwks(folder)}
