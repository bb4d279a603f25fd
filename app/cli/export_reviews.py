"""The verb of reviews: export-reviews."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.database_option import DatabaseOption

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})


class System(StrEnum):
    """Code systems."""

    ICD9CM = "icd9cm"
    ICD9PCS = "icd9pcs"
    ICD10CM = "icd10cm"
    ICD10PCS = "icd10pcs"


@commands.callback()
def _group() -> None:
    """A group, though it has one verb alone."""


@commands.command("export-reviews")
def export_reviews(
    database: DatabaseOption,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write; it holds patient data.")],
    system: Annotated[
        System | None,
        typer.Option("--system", help="Codes of this system; needed where reviewed notes have codes of several."),
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="With the texts that are stored; `prepare table` needs them.")
    ] = False,
) -> None:
    """Write the notes that were reviewed, with their codes after all reviews, as a table for `prepare table`.

    \b
    Examples:
      icd-coder export-reviews --database sqlite:///notes.sqlite3 --with-text --out reviewed.csv
      icd-coder export-reviews --database sqlite:///notes.sqlite3 --system icd9pcs --out procedures.csv
      icd-coder prepare table --source reviewed.csv --text text --codes codes --id note_id --subject subject_id \\
        --system icd9cm --out data
    """
    from app.database.engine import open_engine
    from app.reviews.table import export_reviews as export

    engine = open_engine(database)
    try:
        count = export(engine, out, None if system is None else system.value, with_text)
    finally:
        engine.dispose()
    typer.echo(f"{out}: {count} reviewed notes", err=True)
