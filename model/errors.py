"""The errors a user can meet, as nouns with a remedy.

A message is one sentence that names the value, what was expected and the next step; it never holds note text.
The command line prints it and exits with 2; the service maps the class to a status (``app/problem_table.py``).
"""


class IcdCoderError(Exception):
    """Base of every error that a user can fix."""


class MissingInput(IcdCoderError):
    """A file, folder, column or table that was named is not there."""


class MalformedInput(IcdCoderError):
    """A file is there but does not hold what it should."""


class InvalidOption(IcdCoderError):
    """A flag or setting has a value that cannot be used."""


class OutputExists(IcdCoderError):
    """The output path is taken; nothing was overwritten."""


class UnwritableOutput(IcdCoderError):
    """The output path cannot be written to."""


class EmptyDataset(IcdCoderError):
    """No document is left to work on."""


class InvalidNote(IcdCoderError):
    """A note cannot be coded: empty, or holding characters that are no text."""


class NoteTooLong(InvalidNote):
    """A note has more characters than the limit."""


class NoteTooCostly(InvalidNote):
    """Reading a note takes more of the processor than the limit."""


class BundleDamaged(IcdCoderError):
    """A bundle's file is missing or differs from its manifest."""


class LabelSpaceMismatch(IcdCoderError):
    """Two things that should share a label space do not."""


class NoRanker(IcdCoderError):
    """The request needs a bundle with a ranker."""


class NoConformalSet(IcdCoderError):
    """The bundle's ranker has no conformal set, without which no code can be called unsupported."""


class EmbeddingMismatch(IcdCoderError):
    """A database was indexed by a bundle with another embedding."""
