"""The service that the client asks is that of the tests of ``app``."""

from tests.app.conftest import client, coder, indexed, logs, no_note_leaks, url

__all__ = ["client", "coder", "indexed", "logs", "no_note_leaks", "url"]
