"""The caller of a request, and the row of the access log that the request leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.scopes import Scope
from app.access_log.hash_chain import Entry
from app.errors import MissingScope


@dataclass(frozen=True)
class Caller:
    """An authenticated key or token."""

    who: str
    """The key's id, or the pseudonym of the token's subject."""
    scopes: frozenset[Scope]
    name: str
    """The key's name, or the pseudonym again: a subject's name is not kept."""


ANONYMOUS = Caller("no-auth", frozenset(Scope), "no-auth")
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

    @property
    def reads_notes(self) -> bool:
        """Whether an answer to this caller may depend on stored notes, even where it names none of them."""
        return self.may(Scope.NEIGHBOURS)

    def require_stored(self, note_id: str | None) -> None:
        """Check that the caller may read the stored note that a request names, before anything looks for it.

        What an answer tells of a stored note is its codes, or whether there is one: both need the scope neighbours.

        Raises:
            MissingScope: alike for a note that is stored and for one that is not.
        """
        if note_id is not None and not self.reads_notes:
            raise MissingScope(Scope.NEIGHBOURS)

    def entry(self, note_ids: Sequence[str], status: int = 200) -> Entry:
        """The row of the access log for this request, which read or changed these notes."""
        return Entry(self.caller.who, self.action, tuple(note_ids), status, self.request_id)
