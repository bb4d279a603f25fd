"""Command-line options that several verbs or files share, and the values that they take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

DATABASE_HELP = "SQLAlchemy URL: sqlite:///notes.sqlite3 or postgresql+psycopg://user@host/notes."


def database_option(more: str = "") -> Any:
    """``--database``, also read from the environment, with text that a verb appends to the help."""
    return typer.Option("--database", envvar="ICD_CODER_DATABASE", help=f"{DATABASE_HELP} {more}".rstrip())


DatabaseOption = Annotated[str, database_option()]

BundleOption = Annotated[Path, typer.Option("--bundle", help="Bundle directory made by `icd-coder train`.")]
DeviceOption = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        help="auto (what the bundle was made for), fp32, bf16 (twice as fast where the CPU has it) or int8 (of a "
        "bundle that `icd-coder export` wrote). A database holds the embeddings of each precision apart.",
    ),
]
DamagedOption = Annotated[
    bool,
    typer.Option(
        "--allow-damaged-labels", help="Answer even with a bundle of the published, damaged codes (full-caml)."
    ),
]


class Explain(StrEnum):
    """How evidence is found."""

    NONE = "none"
    ATTENTION = "attention"
    ATTINGRAD = "attingrad"


class Format(StrEnum):
    """How answers are written to standard output."""

    TABLE = "table"
    JSONL = "jsonl"
    CODIESP = "codiesp"
