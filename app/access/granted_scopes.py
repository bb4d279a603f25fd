"""What a token's scopes or roles open here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.access.scopes import Scope
from model.errors import InvalidOption

SETTING = "ICD_CODER_OIDC_ROLES"


@dataclass(frozen=True)
class GrantedScopes:
    """A claim with names, and what each name grants."""

    claim: str
    """Its name, or the way to it with dots: ``realm_access.roles``."""
    grants: Mapping[str, frozenset[Scope]]

    def of(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        """The scopes of a token by its claims: names in a list, or in a string with blanks (RFC 8693, 4.2)."""
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
    """``coder=predict+neighbours,operator=admin`` by role; empty: our scopes by their own names.

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
                f"the setting {SETTING} cannot be used at '{item.strip()}': write ROLE=SCOPE+SCOPE,ROLE=SCOPE with "
                f"scopes of {','.join(Scope)}"
            )
        grants[role] = frozenset(map(Scope, scopes))
    return grants
