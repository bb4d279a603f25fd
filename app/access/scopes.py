"""What a caller may do, and which scopes the roles of a token grant. No scope includes another."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from model.errors import InvalidOption

ROLES_SETTING = "ICD_CODER_OIDC_ROLES"


class Scope(StrEnum):
    """What a key or a token allows."""

    PREDICT = "predict"
    """Code notes."""
    NEIGHBOURS = "neighbours"
    """See which stored notes are similar, and their codes; name a stored note in a request."""
    TEXT = "text"
    """See text of stored notes: snippets, and evidence in a stored note."""
    REVIEW = "review"
    """Accept, reject and correct suggestions; see reviews, and the codes of reviewed notes."""
    ADMIN = "admin"
    """Store and delete notes, manage bundles, read metrics, and see the jobs of all callers."""


@lru_cache(256)
def parse_scopes(names: str) -> frozenset[Scope]:
    """The scopes of a comma-separated list.

    Raises:
        InvalidOption: an unknown scope, or none.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    unknown = sorted(wanted - set(Scope))
    if unknown or not wanted:
        raise InvalidOption(f"--scopes names {unknown}: give some of {','.join(Scope)}")
    return frozenset(Scope(name) for name in wanted)


def write_scopes(scopes: frozenset[Scope]) -> str:
    """As the database keeps them: sorted and comma-separated."""
    return ",".join(sorted(scopes))


@dataclass(frozen=True)
class GrantedScopes:
    """The claim of a token that lists scopes or roles, and the scopes that each of them grants."""

    claim: str
    """Name of the claim, or a path with dots: ``realm_access.roles``."""
    grants: Mapping[str, frozenset[Scope]]
    """Scopes by role."""

    def of(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        """The scopes that a token's claims grant.

        The claim is a list of names, or a string of names between blanks (RFC 8693, section 4.2).
        """
        names = self._value(claims)
        if isinstance(names, str):
            names = names.split()
        if not isinstance(names, list):
            return frozenset()
        granted = [self.grants[name] for name in names if isinstance(name, str) and name in self.grants]
        return frozenset().union(*granted)

    def _value(self, claims: Mapping[str, Any]) -> object:
        if self.claim in claims:
            return claims[self.claim]  # a name such as https://hospital.example/roles has dots of its own
        value: object = claims
        for part in self.claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value


def parse_grants(text: str) -> dict[str, frozenset[Scope]]:
    """The scopes by role of a setting such as ``coder=predict+neighbours,operator=admin``.

    Empty: each scope is granted by its own name.

    Raises:
        InvalidOption: it cannot be read, or names an unknown scope.
    """
    if not text.strip():
        return {scope.value: frozenset({scope}) for scope in Scope}
    grants: dict[str, frozenset[Scope]] = {}
    for item in text.split(","):
        role, _, names = (part.strip() for part in item.rpartition("="))
        scopes = {name.strip() for name in names.split("+")}
        if not role or not scopes <= set(Scope):
            raise InvalidOption(
                f"the setting {ROLES_SETTING} cannot be used at '{item.strip()}': write ROLE=SCOPE+SCOPE,ROLE=SCOPE "
                f"with scopes of {','.join(Scope)}"
            )
        grants[role] = frozenset(map(Scope, scopes))
    return grants
