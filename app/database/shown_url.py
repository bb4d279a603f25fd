"""What a message may show of a database URL: never a password, and nothing of a text that cannot be read as one."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.database.password_file import PARAMETER
from model.errors import InvalidOption

EXAMPLE = "give a URL such as sqlite:///file.sqlite3 or postgresql+psycopg://user@host/database"
HIDDEN = "hidden"
HIGHEST_PORT = 65_535


def parse_url(text: str) -> URL:
    """The parts of a URL.

    Raises:
        InvalidOption: the text cannot be read, or a mistyped password could be taken for another part; it is not
            repeated.
    """
    try:
        url = make_url(text)
        is_clear = url.drivername.startswith("sqlite") or (_is_clear(text) and (url.port or 0) <= HIGHEST_PORT)
    except (ArgumentError, ValueError):
        is_clear = False
    if not is_clear:
        raise InvalidOption(
            f"this is no database URL (it is not shown, since it may hold a password): {EXAMPLE}, with @ : / ? of a "
            f"name or a password written as %40 %3A %2F %3F, or with the password in a file ({PARAMETER}=FILE)"
        )
    return url


def _is_clear(text: str) -> bool:
    """Whether what stands before the last @ is a user and a password.

    A password with an @ would end there and go on as host, database or option, which messages show.
    """
    user, _, password = text.partition("://")[2].rpartition("@")[0].partition(":")
    return "/" not in user and "@" not in password


def shown_url(url: URL) -> str:
    """The URL with its passwords hidden, in its query too."""
    secrets = {name: HIDDEN for name in url.query if "password" in name.lower() and name != PARAMETER}
    return url.update_query_dict(secrets).render_as_string()
