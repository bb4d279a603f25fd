"""The verbs of this room: migrate, index, code, serve."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.coding.formats import Format

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})

DATABASE_HELP = "SQLAlchemy URL, such as sqlite:///notes.sqlite3."
CODES_IN_A_TABLE = 20
CODES_IN_A_RANKING = 500
"""What the CodiEsp evaluation reads at most."""
NEIGHBOURS = 5

BundleOption = Annotated[Path, typer.Option("--bundle", help="Bundle directory made by `icd-coder train`.")]
DeviceOption = Annotated[str, typer.Option("--device", help="cpu or cuda.")]
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


@commands.command()
def migrate(database: Annotated[str, typer.Option("--database", help=DATABASE_HELP)]) -> None:
    """Create the database or upgrade its tables to this version.

    \b
    Example:
      icd-coder migrate --database sqlite:///notes.sqlite3
    """
    from app.db import database_file
    from app.db import migrate as upgrade

    upgrade(database)
    typer.echo(f"'{database_file(database)}' has the tables of this version", err=True)


@commands.command()
def index(
    bundle: BundleOption,
    data: Annotated[Path, typer.Option("--data", help="Dataset directory made by `icd-coder prepare`.")],
    database: Annotated[
        str | None,
        typer.Option("--database", help=f"{DATABASE_HELP} Default: BUNDLE.sqlite3 beside the bundle."),
    ] = None,
    splits: Annotated[str, typer.Option("--splits", help="Splits to store; others leak into evaluations.")] = "train",
    store_text: Annotated[
        bool, typer.Option("--store-text", help="Store the texts too: neighbours then have a snippet.")
    ] = False,
    device: DeviceOption = "cpu",
) -> None:
    """Store documents, their codes and embeddings for the neighbour search.

    A second run adds only what is missing; texts are not stored unless you say so.

    \b
    Examples:
      icd-coder index --bundle out/bundle --data out/data
      icd-coder index --bundle out/bundle --data out/data --store-text --database sqlite:///notes.sqlite3
    """
    from app.db import default_url, open_engine
    from app.db import migrate as upgrade
    from app.indexing import index_dataset
    from app.inference import load_coder
    from model.dataset import load_dataset

    url = database or default_url(bundle)
    engine = open_engine(url)
    dataset = load_dataset(data)
    coder = load_coder(bundle, device)
    upgrade(url)
    wanted = [split.strip() for split in splits.split(",") if split.strip()]
    report = index_dataset(engine, coder, dataset, wanted, store_text)
    engine.dispose()
    typer.echo(f"{url}: {report.added} added, {report.present} were there", err=True)


@commands.command()
def code(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders of *.txt, or -.")],
    bundle: BundleOption,
    database: Annotated[str | None, typer.Option("--database", help=f"{DATABASE_HELP} None: no neighbours.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to write the answers.")] = Format.TABLE,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Codes a note. Default: 20; 500 for codiesp.")
    ] = None,
    selected_only: Annotated[
        bool, typer.Option("--selected-only", help="Only the codes above their threshold.")
    ] = False,
    explain: Annotated[Explain, typer.Option("--explain", help="How evidence is found.")] = Explain.ATTENTION,
    subject_id: Annotated[
        str | None,
        typer.Option("--subject-id", help="The notes' patient in the indexed data: never a neighbour."),
    ] = None,
    max_characters: Annotated[int | None, typer.Option("--max-characters", min=1, help="Refuse longer notes.")] = None,
    allow_damaged_labels: DamagedOption = False,
    device: DeviceOption = "cpu",
) -> None:
    """Code notes without a server, as a table, JSON lines or CodiEsp's id<TAB>code.

    \b
    Examples:
      icd-coder code --bundle out/bundle note.txt
      icd-coder code --bundle out/bundle --database sqlite:///out/bundle.sqlite3 note.txt
      icd-coder code --bundle out/bundle --format jsonl notes/ > answers.jsonl
      cat note.txt | icd-coder code --bundle out/bundle --selected-only -
    """
    from app.coding.formats import writer
    from app.coding.note_files import find_notes, require_distinct_ids
    from app.coding.offline import Ask, OfflineCoding
    from app.damaged_labels import require_whole_labels
    from app.db import require_usable
    from app.inference import load_coder
    from app.neighbours.index import open_index
    from app.settings import load_settings

    limits = {} if max_characters is None else {"max_characters": max_characters}
    settings = load_settings(database=database, **limits)
    notes = find_notes(paths)
    if output is not Format.TABLE:
        require_distinct_ids(notes)
    for note in notes:
        note.read(settings.max_characters)  # a bad file is named before the first note is coded
    if database is not None:
        require_usable(database)
    coder = require_whole_labels(load_coder(bundle, device), bundle, allow_damaged_labels)
    found = open_index(database, coder.embedding_id, coder.embedding_dim) if database is not None else None
    ranking = output is Format.CODIESP or selected_only
    default_top_k = min(CODES_IN_A_RANKING, settings.max_top_k) if ranking else CODES_IN_A_TABLE
    ask = Ask(
        top_k=top_k or default_top_k,
        explain="none" if output is Format.CODIESP else explain.value,
        neighbours=0 if found is None else min(NEIGHBOURS, settings.max_neighbours),
        selected_only=selected_only,
        subject_id=subject_id,
    )
    OfflineCoding(coder, found, settings, ask).run(notes, writer(output, found is not None))


@commands.command()
def serve(
    bundle: BundleOption,
    database: Annotated[
        str | None,
        typer.Option("--database", help=f"{DATABASE_HELP} Default: BUNDLE.sqlite3 beside the bundle, if there."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="A loopback address; others need keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
    allow_damaged_labels: DamagedOption = False,
    device: DeviceOption = "cpu",
) -> None:
    """Answer over HTTP on this machine; the routes are described at /docs.

    \b
    Examples:
      icd-coder serve --bundle out/bundle
      icd-coder serve --bundle out/bundle --database sqlite:///notes.sqlite3 --port 8080
      curl -s localhost:8000/v1/predict -H 'Content-Type: application/json' -d '{"text": "chest pain"}'
    """
    from app.damaged_labels import require_whole_labels
    from app.db import require_usable
    from app.inference import load_coder
    from app.listening import listen
    from app.logs import configure_logs
    from app.main import create_app
    from app.server import run
    from app.settings import load_settings

    settings = load_settings()
    url = database or settings.database or _default_database(bundle)
    settings = settings.model_copy(update={"database": url})
    with listen(host, port) as bound:
        if url is not None:
            require_usable(url)
        coder = require_whole_labels(load_coder(bundle, device), bundle, allow_damaged_labels)
        app = create_app(settings, coder)
        configure_logs(sys.stderr)
        run(app, bound, settings.shutdown_seconds)


def _default_database(bundle: Path) -> str | None:
    """URL of the database beside the bundle, None with a warning where nothing has been indexed yet."""
    from app.db import database_file, default_url

    url = default_url(bundle)
    if database_file(url).is_file():
        return url
    typer.echo(
        f"warning: no database '{database_file(url)}', so answers have no neighbours: "
        f"`icd-coder index --bundle {bundle} --data DATA` makes it",
        err=True,
    )
    return None
