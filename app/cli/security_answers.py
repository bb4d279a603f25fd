"""The verb ``security-answers``: what to answer to a hospital's security review, filled in from the settings.

The text is ``security_answers.md`` beside this file, with a ``$name`` where a setting decides.
"""

from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:  # imported when the verb runs, so that --help is fast
    from app.settings import Settings

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})


@commands.command("security-answers")
def security_answers(
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file of settings, as `serve` reads it; the environment wins.")
    ] = None,
) -> None:
    """Answer the questions of a hospital's security review, for the service with these settings.

    50 answers on data flow, retention, training, accounts, logging and proof of working offline, in Markdown. Passwords
    and secrets are never in it. Read it before you hand it over: what your own network and machine do, it cannot know.

    \b
    Examples:
      icd-coder security-answers --config icd-coder.toml > security-answers.md
      ICD_CODER_STORE_TEXT=true icd-coder security-answers
    """
    from app.settings import load_settings

    typer.echo(render(load_settings(config)), nl=False)


def render(settings: "Settings") -> str:
    """The sheet in Markdown, for the service with these settings."""
    template = Template(Path(__file__).with_suffix(".md").read_text(encoding="utf-8"))
    said = {name: str(getattr(settings, name)) for name in type(settings).model_fields}
    return template.substitute(said | _sentences(settings) | {"version": version("icd-coder")})


def _sentences(settings: "Settings") -> dict[str, str]:
    """The answers for which the value of a setting is not enough."""
    return {
        "database": _database(settings.database),
        "outgoing": _outgoing(settings),
        "identity": _identity(settings),
        "store_text": "their texts too."
        if settings.store_text
        else "their embeddings and codes, without the texts, unless `index --store-text` was used.",
        "record_codings": "Yes, for a request that names a stored note: the codes, without words."
        if settings.record_codings
        else "No.",
        "group_readable": "*(settings)* Their owner and the owner's group (0640)."
        if settings.group_readable
        else "*(settings)* Their owner alone (0600, folders 0700), whatever the umask.",
        "metrics": {
            "admin": "A key with the scope `admin`.",
            "open": "Anybody who reaches the port. They hold no data of patients.",
            "off": "Nobody; they are off.",
        }[settings.metrics],
        "bundles": "A key with the scope `admin` may load another bundle of one folder while the service runs."
        if settings.bundles
        else "No other bundle can be loaded while the service runs.",
    }


def _database(url: str | None) -> str:
    """Kind and place of the database, without a user or a password."""
    from app.database.shown_url import parse_url

    if url is None:
        return "as `--database` of `serve` names it, else none"
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return "a SQLite file on this machine"
    return f"PostgreSQL on {parsed.host or 'this machine'}"


def _outgoing(settings: "Settings") -> str:
    """Every connection that the service itself opens."""
    found = []
    database = _database(settings.database)
    if database.startswith("PostgreSQL"):
        found.append(f"to the database ({database})")
    if urlsplit(settings.oidc_jwks or "").scheme in ("http", "https"):
        proxy = f", through the proxy {urlsplit(settings.oidc_proxy).hostname}" if settings.oidc_proxy else ""
        found.append(f"to your identity provider, for its public keys{proxy}")
    if settings.tracing_collector:
        found.append("to your collector of traces: times and route names, no text, code or id of a note")
    if not found:
        return "No connection is opened."
    return f"The service opens connections {' and '.join(found)}. No other; HTTP_PROXY does not count."


def _identity(settings: "Settings") -> str:
    """How a client is recognised."""
    keys = "By an access key of their own"
    if settings.oidc_issuer is None:
        return f"{keys}, in the `Authorization` header."
    return f"{keys}, or by a token of {settings.oidc_issuer}, whose signature, issuer, audience and time are checked."
