"""The identity provider of the settings, where one is named."""

from pathlib import Path
from urllib.parse import urlsplit

from app.access.granted_scopes import GrantedScopes, parse_grants
from app.access.signing_keys import FetchedKeys, SigningKeys, read_keys
from app.access.tokens import ALGORITHMS, TokenVerifier
from app.listening import is_loopback
from app.settings import PREFIX, Settings
from model.errors import InvalidOption


def open_identity(settings: Settings, secret: bytes) -> TokenVerifier | None:
    """What checks tokens, None where no issuer is named; a file is read, an address not asked yet.

    Raises:
        InvalidOption: the settings do not fit together.
        MissingInput, MalformedInput: the file cannot be read.
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
        _keys(str(settings.oidc_jwks)),
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


def _keys(source: str) -> SigningKeys:
    address = urlsplit(source)
    if address.scheme == "https" or (address.scheme == "http" and is_loopback(address.hostname or "")):
        return FetchedKeys(source)
    if address.scheme == "http":
        raise InvalidOption(
            f"the setting {PREFIX}OIDC_JWKS cannot be used: who can change http:// can sign: use https://"
        )
    return read_keys(Path(source))
