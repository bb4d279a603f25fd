"""The verbs that work on a database: migrate, index, verify-index, backup, restore, export-reviews."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import BundleOption, DatabaseOption, DeviceOption, PrecisionOption, database_option

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})


class System(StrEnum):
    """Code systems."""

    ICD9CM = "icd9cm"
    ICD9PCS = "icd9pcs"
    ICD10CM = "icd10cm"
    ICD10PCS = "icd10pcs"
    ICD10WHO = "icd10who"
    ICD10GM = "icd10gm"
    ICD10AM = "icd10am"
    ICD10CA = "icd10ca"


@commands.command()
def migrate(database: DatabaseOption) -> None:
    """Create the database or upgrade its tables to this version.

    \b
    Example:
      icd-coder migrate --database sqlite:///notes.sqlite3
      icd-coder migrate --database postgresql+psycopg://coder@localhost/notes
    """
    from app.database.engine import database_name
    from app.database.engine import migrate as upgrade

    upgrade(database)
    typer.echo(f"'{database_name(database)}' has the tables of this version", err=True)


@commands.command()
def index(
    bundle: BundleOption,
    data: Annotated[Path, typer.Option("--data", help="Dataset directory made by `icd-coder prepare`.")],
    database: Annotated[str | None, database_option("Default: BUNDLE.sqlite3 beside the bundle.")] = None,
    splits: Annotated[str, typer.Option("--splits", help="Splits to store; others leak into evaluations.")] = "train",
    store_text: Annotated[
        bool, typer.Option("--store-text", help="Store the texts too: neighbours then have a snippet.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Store every document of the data again: new texts, codes, embeddings.")
    ] = False,
    delete_reviews: Annotated[
        bool,
        typer.Option("--delete-reviews", help="With --rebuild: delete reviews of notes with another text."),
    ] = False,
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "auto",
) -> None:
    """Store documents, their codes and embeddings for the neighbour search.

    A second run adds only what is missing; texts are stored only with --store-text. Several bundles can index into
    one database. After --rebuild a changed document has to be indexed again by the other bundles. Its reviews stay
    where its text is the same; where it is not, --rebuild refuses to delete them without --delete-reviews.

    \b
    Examples:
      icd-coder index --bundle out/bundle --data out/data
      icd-coder index --bundle out/bundle --data out/data --rebuild
      icd-coder index --bundle out/bundle --data out/data --store-text --database sqlite:///notes.sqlite3
    """
    from app.database.engine import database_name, default_url, open_engine
    from app.database.engine import migrate as upgrade
    from app.inference.worker import load_coder
    from app.notes.indexing import index_dataset
    from model.dataset import load_dataset

    url = database or default_url(bundle)
    engine = open_engine(url)
    dataset = load_dataset(data)
    coder = load_coder(bundle, device, precision)
    upgrade(url)
    wanted = [split.strip() for split in splits.split(",") if split.strip()]
    report = index_dataset(engine, coder, dataset, wanted, store_text, rebuild, delete_reviews)
    engine.dispose()
    typer.echo(f"{database_name(url)}: {report.added} added, {report.present} were there", err=True)
    if report.codes_added:
        typer.echo(f"{report.codes_added} that were there can be found by their codes now", err=True)
    if report.lost.reviews:
        lost = report.lost
        typer.echo(f"{lost.reviews} reviews of {lost.notes} notes with another text were deleted", err=True)
    if report.code_use.warning:
        typer.echo(f"warning: {report.code_use.warning}", err=True)


@commands.command("verify-index")
def verify_index(
    database: DatabaseOption,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Rows that search for themselves.")] = 1000,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Compare the codes of its rows with the assigned ones.")
    ] = None,
    precision: PrecisionOption = "auto",
) -> None:
    """Check that every stored note is whole and that the search finds it.

    \b
    Examples:
      icd-coder verify-index --database sqlite:///out/bundle.sqlite3
      icd-coder verify-index --database sqlite:///out/bundle.sqlite3 --bundle out/bundle
    """
    from app.database.engine import database_name, open_engine
    from app.inference.worker import load_coder
    from app.notes.verify_index import verify_index as verify
    from model.errors import MalformedInput

    engine = open_engine(database)
    found = verify(engine, sample, None if bundle is None else load_coder(bundle, precision=precision))
    engine.dispose()
    for problem in found.problems:
        typer.echo(problem)
    vectors = ", ".join(f"{count} embeddings of {name[:12]}" for name, count in sorted(found.embeddings.items()))
    typer.echo(f"{found.notes} notes, {vectors or 'no embeddings'}, {found.searched} searched for themselves", err=True)
    if found.problems:
        raise MalformedInput(
            f"'{database_name(database)}' has {len(found.problems)} problems, listed above: "
            "restore a backup, or store the data again with `icd-coder index --rebuild`"
        )


@commands.command()
def backup(
    database: DatabaseOption,
    out: Annotated[Path, typer.Option("--out", help="File to write; it holds patient data.")],
) -> None:
    """Write the whole database into one file with checksums, while others read and write.

    \b
    Example:
      icd-coder backup --database sqlite:///out/bundle.sqlite3 --out notes.icdbackup
    """
    from app.database.backup.dump import dump
    from app.database.engine import open_engine

    engine = open_engine(database)
    rows = dump(engine, out)
    engine.dispose()
    typer.echo(f"{out}: {rows['notes']} notes, {rows['embeddings']} embeddings", err=True)


@commands.command()
def restore(
    database: Annotated[str, database_option("It must hold no notes yet.")],
    source: Annotated[Path, typer.Option("--from", help="File that `icd-coder backup` wrote, from either engine.")],
) -> None:
    """Restore a backup into an empty database, which may be of the other engine.

    Access keys come back as they were. The output says how many are valid, so that you can revoke again those that were
    revoked after the backup.

    \b
    Example:
      icd-coder restore --database postgresql+psycopg://coder@localhost/notes --from notes.icdbackup
    """
    from datetime import UTC, datetime

    from app.access.keys import list_keys
    from app.database.backup.load import load
    from app.database.engine import database_name, open_engine
    from app.database.shown_url import parse_url, shown_url

    rows = load(source, database)
    typer.echo(f"{database_name(database)}: {rows['notes']} notes, {rows['embeddings']} embeddings", err=True)
    engine = open_engine(database)
    valid = sum(key.state(datetime.now(UTC)) == "valid" for key in list_keys(engine))
    engine.dispose()
    if valid:
        at = f"--database {shown_url(parse_url(database))}"
        typer.echo(
            f"warning: {valid} access keys are valid as at the time of the backup, also those that were revoked since: "
            f"see `icd-coder keys list {at}`, and revoke them with `icd-coder keys revoke ID {at}`",
            err=True,
        )


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
    from app.reviews.csv_export import export_reviews as export

    engine = open_engine(database)
    try:
        count = export(engine, out, None if system is None else system.value, with_text)
    finally:
        engine.dispose()
    typer.echo(f"{out}: {count} reviewed notes", err=True)
