"""A database's password in a file that the URL names: ``postgresql+psycopg://coder@host/notes?password_file=FILE``.

A URL then holds no secret and may stand in a compose file, an environment or a list of processes.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event

from app.errors import DatabaseUnavailable
from model.errors import InvalidOption

PARAMETER = "password_file"


def use_password_file(engine: Engine) -> None:
    """Give each new connection the password that the file holds then, so that it can be changed while a service runs.

    Raises:
        InvalidOption: the URL names two files, or a password beside the file.
        DatabaseUnavailable: the file cannot be read, now or at a connection.
    """
    path = _named(engine.url)
    if path is None:
        return
    read_password(path)

    def connect(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
        parameters["password"] = read_password(Path(parameters.pop(PARAMETER)))

    event.listen(engine, "do_connect", connect)


def read_password(path: Path) -> str:
    """The file's text without the end of its line.

    Raises:
        DatabaseUnavailable: it cannot be read, or is empty.
    """
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise DatabaseUnavailable(
            f"the database's password cannot be read from '{path}' ({error.strerror}): mend {PARAMETER} in the URL, or "
            "the file's permissions"
        ) from None
    except UnicodeDecodeError:
        raise DatabaseUnavailable(f"the database's password in '{path}' is not UTF-8: write it again") from None
    if not password:
        raise DatabaseUnavailable(f"the file '{path}' is empty: write the database's password into it")
    return password


def _named(url: URL) -> Path | None:
    value = url.query.get(PARAMETER)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidOption(f"the database URL must name one {PARAMETER}=FILE")
    if url.password is not None:
        raise InvalidOption(f"the database URL has a password and a {PARAMETER}: leave one of them out")
    return Path(value)
