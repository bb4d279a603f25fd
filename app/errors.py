"""The errors of the service and its database; ``app/web/problems.py`` maps every class to a status."""

from model.errors import IcdCoderError


class DatabaseOutOfStep(IcdCoderError):
    """The database's schema is behind or ahead of this version."""


class DatabaseUnavailable(IcdCoderError):
    """The database is there but cannot be used now: locked, read-only, full, damaged."""


class UnknownNote(IcdCoderError):
    """No note is stored under the given id."""


class NoteStored(IcdCoderError):
    """Another note is stored under the given id."""


class NoteTextNotStored(IcdCoderError):
    """The note is stored without its text."""


class NoDatabase(IcdCoderError):
    """The request needs a database and the service runs without one."""


class WrongPart(IcdCoderError):
    """One part of what was sent cannot be used: ``field`` is its name, ``problem`` what is wrong with it."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field} {problem}: {remedy}")


class InvalidResource(WrongPart):
    """A FHIR resource cannot be read; the part is the path of its element."""


class InvalidLine(WrongPart):
    """A line of a job's file cannot be used; the part is the line's number, and the field where one is to blame."""


class WrongContentType(IcdCoderError):
    """The body is sent as something that the route does not read."""


class UnknownJob(IcdCoderError):
    """The caller has no job of the given id."""


class KeyUsedBefore(IcdCoderError):
    """Another body was sent with the same Idempotency-Key."""


class TooManyJobs(IcdCoderError):
    """The caller has as many unfinished jobs as one may have."""


class AbandonedItem(IcdCoderError):
    """A note of a job before whose result the service has ended again and again."""


class NoBundleFolder(IcdCoderError):
    """The service was started without a folder of bundles to load from."""


class UnknownBundle(IcdCoderError):
    """No bundle or alias has the given name."""


class NameTaken(IcdCoderError):
    """The name of a bundle is wanted for an alias, or the other way round."""


class BundleRefused(IcdCoderError):
    """A bundle cannot be registered or served; the one that is served goes on."""


class TryLater(IcdCoderError):
    """The request is good, the moment is not; ``retry_after_seconds``, where known, is when to come again."""

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class Overloaded(TryLater):
    """The waiting queue is full or too slow, or the service is stopping."""


class OutOfTime(TryLater):
    """The note was not coded within the time that a note gets."""


class NotReady(IcdCoderError):
    """The service has not finished starting."""


class BrokenChain(IcdCoderError):
    """A row of the access log was changed, replaced or removed."""


class MissingKey(IcdCoderError):
    """The request has no access key."""


class WrongKey(IcdCoderError):
    """The request's access key is none of ours."""


class RevokedKey(IcdCoderError):
    """The access key was revoked."""


class ExpiredKey(IcdCoderError):
    """The access key has had its time."""


class WrongToken(WrongPart):
    """The identity provider's token opens nothing; the part is a claim, or a name of its header."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem, "ask the identity provider for another token")


class IdentityUnavailable(IcdCoderError):
    """The identity provider's keys cannot be had now."""


class MissingScope(IcdCoderError):
    """The access key does not open this route; ``scope`` would."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(
            f"the access key or token has no scope '{scope}': use a key made with `icd-coder keys create --scopes "
            f"{scope},...`, or a token with a role that grants it"
        )


class RateLimited(IcdCoderError):
    """Too much was asked for; ``retry_after_seconds`` from now it may be asked again."""

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{what}: wait {retry_after_seconds} seconds")
