"""The caller of a request, and the row of the access log that the request leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.scopes import Scope
from app.access_log.hash_chain import Entry


@dataclass(frozen=True)
class Caller:
    """An authenticated key or token."""

    who: str
    """The key's id, or the pseudonym of the token's subject."""
    scopes: frozenset[Scope]
    name: str = "no-auth"
    """The key's name."""


ANONYMOUS = Caller("no-auth", frozenset(Scope))
"""The caller of every request to a service without keys, which answers on this machine only."""


@dataclass(frozen=True)
class Visit:
    """One request of an authenticated caller."""

    caller: Caller
    request_id: str
    action: str
    """Method and path template of the route."""

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.caller.scopes

    def entry(self, note_ids: Sequence[str], status: int = 200) -> Entry:
        """The row of the access log for this request, which read or changed these notes."""
        return Entry(self.caller.who, self.action, tuple(note_ids), status, self.request_id)
