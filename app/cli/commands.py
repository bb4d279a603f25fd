"""The verbs of this room but those of access: migrate, index, verify-index, backup, restore, code, serve."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.code.formats import Format
from app.cli.database_option import DATABASE_HELP, DatabaseOption, database_option
from model.errors import InvalidOption

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})

CODES_IN_A_TABLE = 20
CODES_IN_A_RANKING = 500
"""What the CodiEsp evaluation reads at most."""
NEIGHBOURS = 5

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
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "auto",
) -> None:
    """Store documents, their codes and embeddings for the neighbour search.

    A second run adds only what is missing; texts are not stored unless you say so. Several bundles can index into
    one database. After --rebuild a changed document has to be indexed again by the other bundles.

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
    report = index_dataset(engine, coder, dataset, wanted, store_text, rebuild)
    engine.dispose()
    typer.echo(f"{database_name(url)}: {report.added} added, {report.present} were there", err=True)


@commands.command("verify-index")
def verify_index(
    database: DatabaseOption,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Rows that search for themselves.")] = 1000,
) -> None:
    """Check that every stored note is whole and that the search finds it.

    \b
    Example:
      icd-coder verify-index --database sqlite:///out/bundle.sqlite3
    """
    from app.database.engine import database_name, open_engine
    from app.notes.verify_index import verify_index as verify
    from model.errors import MalformedInput

    engine = open_engine(database)
    found = verify(engine, sample)
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
    """Bring a backup into an empty database, which may be of the other engine.

    \b
    Example:
      icd-coder restore --database postgresql+psycopg://coder@localhost/notes --from notes.icdbackup
    """
    from app.database.backup.load import load
    from app.database.engine import database_name

    rows = load(source, database)
    typer.echo(f"{database_name(database)}: {rows['notes']} notes, {rows['embeddings']} embeddings", err=True)


@commands.command()
def code(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Files, folders of *.txt, or -; none with --bulk.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Bundle directory made by `icd-coder train`.")] = None,
    server: Annotated[
        str | None, typer.Option("--server", help="Instead of a bundle: address of a running `icd-coder serve`.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="File with the access key for --server.")] = None,
    bulk: Annotated[
        Path | None,
        typer.Option("--bulk", help="With --server: JSON lines, each with id, text and options, coded as one job."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="With --bulk: file for the results, a table if NAME.csv. Default: standard output."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option("--idempotency-key", help="With --bulk: name of the job. Default: made from the file's content."),
    ] = None,
    database: Annotated[str | None, typer.Option("--database", help=f"{DATABASE_HELP} None: no neighbours.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to write the answers.")] = Format.TABLE,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Codes a note. Default: 20; 500 for codiesp.")
    ] = None,
    selected_only: Annotated[
        bool, typer.Option("--selected-only", help="Only the codes above their threshold.")
    ] = False,
    explain: Annotated[
        Explain, typer.Option("--explain", help="How evidence is found; attingrad takes longer, and not in int8.")
    ] = Explain.ATTENTION,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="Thresholds: global, per-code, precision-0.95, or a conformal set, conformal-0.1."
        ),
    ] = None,
    subject_id: Annotated[
        str | None,
        typer.Option("--subject-id", help="The notes' patient in the indexed data: never a neighbour."),
    ] = None,
    max_characters: Annotated[int | None, typer.Option("--max-characters", min=1, help="Refuse longer notes.")] = None,
    allow_damaged_labels: DamagedOption = False,
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "auto",
) -> None:
    """Code notes by a bundle, or by a running service, as a table, JSON lines or CodiEsp's id<TAB>code.

    With --bulk the service codes a whole file when nobody else is waiting. Ctrl-C ends the waiting, not the job: the
    same command finds it again.

    \b
    Examples:
      icd-coder code --bundle out/bundle note.txt
      icd-coder code --bundle out/bundle --database sqlite:///out/bundle.sqlite3 note.txt
      icd-coder code --bundle out/bundle --format jsonl notes/ > answers.jsonl
      icd-coder code --bundle out/bundle --explain attingrad --top-k 5 note.txt
      icd-coder code --bundle out/bundle --policy conformal-0.1 --selected-only note.txt
      icd-coder code --server http://127.0.0.1:8000 --key-file ward-3.key note.txt
      icd-coder code --server http://127.0.0.1:8000 --key-file ward-3.key --bulk notes.jsonl --out answers.jsonl
      cat note.txt | icd-coder code --bundle out/bundle --selected-only -
    """
    from app.cli.code.bulk import code_bulk
    from app.cli.code.formats import writer
    from app.cli.code.local import CodingOptions, code_by_bundle
    from app.cli.code.note_files import find_notes, require_distinct_ids
    from app.cli.code.remote import code_by_server, require_one_place
    from app.settings import load_settings

    if bulk is not None:
        code_bulk(context, bulk, out, idempotency_key, server, key_file)
        return
    if out is not None or idempotency_key is not None:
        raise InvalidOption("--out and --idempotency-key go with --bulk: other answers are written to standard output")
    limits: dict[str, Any] = {} if max_characters is None else {"max_characters": max_characters}
    settings = load_settings(None, database=database, **limits)
    require_one_place(bundle, server, database, key_file)
    if not paths:
        raise InvalidOption("no note is named: give files, folders of *.txt, or - for standard input")
    notes = find_notes(paths)
    if output is not Format.TABLE:
        require_distinct_ids(notes)
    for note in notes:
        note.read(settings.max_characters)  # a bad file is named before the first note is coded
    with_neighbours = server is not None or database is not None
    ranking = output is Format.CODIESP or selected_only
    default_top_k = min(CODES_IN_A_RANKING, settings.max_top_k) if ranking else CODES_IN_A_TABLE
    options = CodingOptions(
        top_k=top_k or default_top_k,
        explain="none" if output is Format.CODIESP else explain.value,
        neighbours=min(NEIGHBOURS, settings.max_neighbours) if with_neighbours else 0,
        selected_only=selected_only,
        subject_id=subject_id,
        policy=policy,
    )
    write = writer(output, with_neighbours)
    if bundle is None:
        code_by_server(str(server), key_file, settings, options, notes, write)
    else:
        code_by_bundle(bundle, device, precision, allow_damaged_labels, settings, options, notes, write)


@commands.command()
def serve(
    bundle: BundleOption,
    database: Annotated[str | None, database_option("Default: BUNDLE.sqlite3 beside the bundle, if there.")] = None,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0: every address of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="CodingOptions for no access keys; on a loopback --host only.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file of settings; the environment wins over it.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Open bundle, database and secret, say what would be served, and end.")
    ] = False,
    allow_damaged_labels: DamagedOption = False,
    device: DeviceOption = "cpu",
    precision: PrecisionOption = "auto",
) -> None:
    """Answer over HTTP; the routes are described at /docs.

    Every request needs a key of `icd-coder keys create`, unless you say --no-auth. Other machines are answered in
    plain HTTP: put a server that speaks HTTPS before it.

    \b
    Examples:
      icd-coder serve --bundle out/bundle --no-auth
      icd-coder serve --bundle out/bundle --database sqlite:///notes.sqlite3 --port 8080
      icd-coder serve --bundle out/bundle-int8 --precision int8 --host 0.0.0.0
      icd-coder serve --bundle out/bundle --config icd-coder.toml --check
      ICD_CODER_BUNDLES=bundles icd-coder serve --bundle production --database sqlite:///notes.sqlite3
      curl -s localhost:8000/v1/predict -H 'Content-Type: application/json' -d '{"text": "chest pain"}'
    """
    from app.access.gate import open_gate
    from app.bundles.opening import FolderOpener, open_named
    from app.database.engine import require_usable
    from app.listening import listen
    from app.logs import configure_logs
    from app.settings import load_settings
    from app.web.application import create_app
    from app.web.preflight import described_service
    from app.web.server import run
    from app.web.tracing import open_tracing

    settings = load_settings(config)
    url = database or settings.database or _default_database(bundle)
    settings = settings.model_copy(update={"database": url})
    with listen(host, 0 if check else port, no_auth) as bound:  # a service may run on the port that is checked
        if url is not None:
            require_usable(url)
        gate = open_gate(settings, no_auth)
        tracing = open_tracing(settings)
        opener = FolderOpener(device, precision, settings.torch_threads, allow_damaged_labels)
        # Without a name for the coder, which could not go when another bundle answers.
        app = create_app(settings, open_named(opener, bundle, settings), gate, tracing, opener)
        if check:
            typer.echo("\n".join(described_service(app, settings, no_auth)))
            gate.close()
            return
        configure_logs(sys.stderr)
        run(app, bound, settings.shutdown_seconds)


def _default_database(bundle: Path) -> str | None:
    """URL of the database beside the bundle, None with a warning where nothing has been indexed yet."""
    from app.database.engine import database_name, default_url

    url = default_url(bundle)
    if Path(database_name(url)).is_file():
        return url
    typer.echo(
        f"warning: no database '{database_name(url)}', so answers have no neighbours: "
        f"`icd-coder index --bundle {bundle} --data DATA` makes it",
        err=True,
    )
    return None
