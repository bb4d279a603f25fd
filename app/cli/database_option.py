"""The option --database of every verb that has one; the environment names it once for all of them."""

from typing import Annotated, Any

import typer

DATABASE_HELP = "SQLAlchemy URL: sqlite:///notes.sqlite3 or postgresql+psycopg://user@host/notes."


def database_option(more: str = "") -> Any:
    """The option, with what a verb has to add to its help."""
    return typer.Option("--database", envvar="ICD_CODER_DATABASE", help=f"{DATABASE_HELP} {more}".rstrip())


DatabaseOption = Annotated[str, database_option()]
