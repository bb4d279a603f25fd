"""The errors of the service and its database; ``app/problems.py`` maps every class to a status."""

from model.errors import IcdCoderError


class DatabaseOutOfStep(IcdCoderError):
    """The database's schema is behind or ahead of this version."""


class DatabaseUnavailable(IcdCoderError):
    """The database is there but cannot be used now: locked, read-only, full, damaged."""


class UnknownNote(IcdCoderError):
    """No note is stored under the given id."""


class NoteTextNotStored(IcdCoderError):
    """The note is stored without its text."""


class NoDatabase(IcdCoderError):
    """The request needs a database and the service runs without one."""


class Overloaded(IcdCoderError):
    """The waiting queue is full, or the service is stopping."""


class NotReady(IcdCoderError):
    """The service has not finished starting."""
