"""The verb ``serve``: run the service, or check that it could run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from app.cli.options import BundleOption, DamagedOption, DeviceOption, PrecisionOption, database_option

if TYPE_CHECKING:  # imported when the verb runs, so that --help is fast
    from app.settings import Settings
    from app.web.state import ServiceState

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})


@commands.command()
def serve(
    bundle: BundleOption,
    database: Annotated[str | None, database_option("Default: BUNDLE.sqlite3 beside the bundle, if there.")] = None,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0: every address of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.")] = 8000,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Ask for no access keys; on a loopback --host only.")
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

    Every request needs a key of `icd-coder keys create`, unless you say --no-auth. The service speaks
    plain HTTP: for other machines put a reverse proxy with HTTPS in front of it.

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
    from app.bundles.open_bundle import FolderOpener, open_named
    from app.database.engine import require_usable
    from app.listening import listen
    from app.logs import configure_logs
    from app.settings import load_settings
    from app.web.application import create_app
    from app.web.server import run
    from app.web.tracing import open_tracing
    from model.private_files import keep_private

    settings = load_settings(config)
    keep_private(settings.group_readable)
    url = database or settings.database or _default_database(bundle)
    settings = settings.model_copy(update={"database": url})
    with listen(host, 0 if check else port, no_auth) as bound:  # the port may be in use by the running service
        if url is not None:
            require_usable(url)
        gate = open_gate(settings, no_auth)
        tracing = open_tracing(settings)
        opener = FolderOpener(device, precision, settings.torch_threads, allow_damaged_labels)
        # No variable for the coder: it would keep the weights in memory after another bundle is loaded.
        app = create_app(settings, open_named(opener, bundle, settings), gate, tracing, opener)
        if check:
            typer.echo("\n".join(_check_report(app.state.active_bundle.now, settings, no_auth)))
            for warning in _exposed_files(bundle, settings):
                typer.echo(f"warning: {warning}", err=True)
            gate.close()
            return
        configure_logs(sys.stderr)
        for warning in _exposed_files(bundle, settings):
            structlog.get_logger().warning("files are not private", remedy=warning)
        run(app, bound, settings)


def _default_database(bundle: Path) -> str | None:
    """URL of the database beside the bundle; None, with a warning, if it does not exist."""
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


def _exposed_files(bundle: Path, settings: "Settings") -> list[str]:
    """What other users of the machine can read of the bundle, of the folder of bundles and of a SQLite file."""
    from app.database.engine import database_file
    from model.private_files import exposed

    database = None if settings.database is None else database_file(settings.database)
    parts = [] if database is None else [database.with_name(f"{database.name}{end}") for end in ("", "-wal", "-shm")]
    return exposed([*parts, *([bundle] if bundle.exists() else []), *filter(None, [settings.bundles])])


def _words_line(least_patients: int | None) -> str:
    """What a reader of the bundle can learn of single patients."""
    if least_patients is None:
        return "not counted by patients: names may be readable in the bundle, train it again"
    return f"each of at least {least_patients} patients"


def _check_report(state: "ServiceState", settings: "Settings", no_auth: bool) -> list[str]:
    """What would be served, one line for each part; reads the database and closes it.

    Raises:
        DatabaseUnavailable: the database cannot be read.
    """
    from app.database.engine import database_name

    coder, index = state.coder, state.index
    lines = [
        f"bundle    {coder.bundle_id[:12]}, {len(coder.labels.labels)} codes, precision {coder.precision}",
        f"embedding {coder.embedding_id[:12]}, {coder.embedding_dim} values",
        f"words     {_words_line(coder.card.get('words', {}).get('least_patients'))}",
        f"database  {'none: no neighbours' if settings.database is None else database_name(settings.database)}",
        f"keys      {'none are asked for' if no_auth else 'asked for, the secret fits the database'}",
        f"tokens    {'none are let in' if no_auth or settings.oidc_issuer is None else f'of {settings.oidc_issuer}'}",
        f"metrics   {settings.metrics}",
        f"limits    {settings.max_characters} characters, {settings.max_body_bytes} bytes, "
        f"{settings.deadline_seconds} seconds a note, {settings.max_waiting} waiting",
    ]
    if index is not None:
        try:
            index.check()
        finally:
            index.engine.dispose()
    return lines
