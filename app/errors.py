"""The errors of the service and its database; ``STATUS`` in ``app/problem_table.py`` gives each its HTTP status.

No message may contain note text: messages are sent to clients and printed.
"""

from model.errors import IcdCoderError


class DatabaseOutOfStep(IcdCoderError):
    """The database schema is older or newer than this version of the program."""


class DatabaseUnavailable(IcdCoderError):
    """The database exists but cannot be used now: locked, read-only, full or damaged."""

    def __init__(self, message: str, cause: str = "DatabaseUnavailable") -> None:
        self.cause = cause
        """Name of the engine's own error, such as SQLITE_FULL or DiskFull, for the log."""
        super().__init__(message)


class UnknownNote(IcdCoderError):
    """No note is stored under the given note_id."""


class NoteStored(IcdCoderError):
    """A different note is already stored under the given note_id."""


class NoteTextNotStored(IcdCoderError):
    """The note is stored without its text."""


class NoDatabase(IcdCoderError):
    """The request needs a database and the service runs without one."""


class WrongPart(IcdCoderError):
    """One part of the request is invalid: ``field`` names it, ``problem`` says what is wrong."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field} {problem}: {remedy}")


class InvalidResource(WrongPart):
    """A FHIR resource is invalid; ``field`` is the path of the element."""


class InvalidLine(WrongPart):
    """A line of a job's file is invalid; ``field`` is the line number, and the name of the field if it is one field."""


class WrongContentType(IcdCoderError):
    """The route does not read the Content-Type of the request."""


class UnknownJob(IcdCoderError):
    """The caller has no job with the given id."""


class KeyUsedBefore(IcdCoderError):
    """A different body was sent before with the same Idempotency-Key."""


class TooManyJobs(IcdCoderError):
    """The caller has reached the limit of unfinished jobs."""


class AbandonedItem(IcdCoderError):
    """A note of a job that is not tried again, because the service repeatedly died while coding it."""


class NoBundleFolder(IcdCoderError):
    """The service was started without a folder of bundles."""


class UnknownBundle(IcdCoderError):
    """No bundle or alias has the given name."""


class NameTaken(IcdCoderError):
    """The name of a bundle cannot become an alias, or the other way round."""


class BundleRefused(IcdCoderError):
    """A bundle cannot be registered or loaded; the active bundle stays."""


class TryLater(IcdCoderError):
    """A valid request that cannot be answered now; ``retry_after_seconds`` is None if unknown."""

    def __init__(self, message: str, retry_after_seconds: int | None = None) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class Overloaded(TryLater):
    """The queue is full or too slow, or the service is stopping."""


class OutOfTime(TryLater):
    """The note was not coded within the deadline."""


class NotReady(IcdCoderError):
    """The service has not finished starting."""


class BrokenChain(IcdCoderError):
    """A row of the access log was changed, replaced or removed."""


class MissingKey(IcdCoderError):
    """The request has no access key."""


class WrongKey(IcdCoderError):
    """The access key is unknown or malformed."""


class RevokedKey(IcdCoderError):
    """The access key was revoked."""


class ExpiredKey(IcdCoderError):
    """The access key has expired."""


class WrongToken(WrongPart):
    """The token of the identity provider is not accepted; ``field`` is a claim, or a field of its header."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem, "ask the identity provider for another token")


class IdentityUnavailable(IcdCoderError):
    """The keys of the identity provider cannot be fetched now."""


class MissingScope(IcdCoderError):
    """The access key lacks the scope that the route needs."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(
            f"the access key or token has no scope '{scope}': use a key made with `icd-coder keys create --scopes "
            f"{scope},...`, or a token with a role that grants it"
        )


class RateLimited(IcdCoderError):
    """The rate limit is exceeded; the request may be sent again after ``retry_after_seconds``."""

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{what}: wait {retry_after_seconds} seconds")
