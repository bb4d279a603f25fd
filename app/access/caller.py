"""Who asks, and what the access log will say of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.scopes import Scope
from app.access_log.chain import Entry


@dataclass(frozen=True)
class Caller:
    """A key or token that was let in."""

    who: str
    """The key's id, or the pseudonym of the token's subject."""
    scopes: frozenset[Scope]
    name: str = "no-auth"
    """The key's name."""


ANYBODY = Caller("no-auth", frozenset(Scope))
"""Who reaches a service without keys, on this machine."""


@dataclass(frozen=True)
class Visit:
    """One request of a caller."""

    caller: Caller
    request_id: str
    action: str
    """Method and template of the route."""

    def may(self, scope: Scope) -> bool:
        """Whether the key has the scope."""
        return scope in self.caller.scopes

    def entry(self, note_ids: Sequence[str], status: int = 200) -> Entry:
        """A row of the access log: this request met these notes."""
        return Entry(self.caller.who, self.action, tuple(note_ids), status, self.request_id)
