"""The verbs of access control: keys create, keys list, keys revoke, keys subject, verify-log."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DatabaseOption

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})
keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke the access keys of the service.")
commands.add_typer(keys, name="keys")


@keys.command("create")
def create(
    database: DatabaseOption,
    name: Annotated[str, typer.Option("--name", help="Who or what will use it.")],
    scopes: Annotated[
        str,
        typer.Option("--scopes", help="Some of predict,neighbours,text,review,admin; none includes another."),
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", help="After so many hours, days or weeks: 12h, 90d, 52w. None: never.")
    ] = None,
) -> None:
    """Make an access key and show it, this once, on standard output.

    \b
    Examples:
      icd-coder keys create --name ward-3 --scopes predict,neighbours --expires 90d --database sqlite:///notes.sqlite3
      KEY=$(icd-coder keys create --name me --scopes predict,neighbours,text --database sqlite:///notes.sqlite3)
    """
    from app.access.key_secret import open_secret
    from app.access.keys import create_key, parse_lifetime
    from app.access.scopes import parse_scopes
    from app.database.engine import open_engine, require_current
    from app.settings import load_settings

    wanted = parse_scopes(scopes)
    lifetime = None if expires is None else parse_lifetime(expires)
    engine = open_engine(database)
    require_current(engine)
    key = create_key(engine, open_secret(engine, load_settings()), name, wanted, lifetime)
    engine.dispose()
    typer.echo(key.text)
    typer.echo(f"key {key.key_id} for '{name}': keep it, it is not shown again", err=True)


@keys.command("list")
def show(database: DatabaseOption) -> None:
    """List the keys: id, name, scopes, state, and when each was made, expires and was last used (UTC, to the minute).

    \b
    Example:
      icd-coder keys list --database sqlite:///notes.sqlite3
    """
    from datetime import UTC, datetime

    from app.access.keys import list_keys
    from app.database.engine import open_engine, require_current

    engine = open_engine(database)
    require_current(engine)
    now = datetime.now(UTC)
    rows = [("id", "state", "made", "expires", "last used", "scopes", "name")]
    for key in list_keys(engine):
        moments = (key.created_at, key.expires_at, key.last_used_at)
        shown = [moment.strftime("%Y-%m-%d %H:%M") if moment else "never" for moment in moments]
        rows.append((key.key_id, key.state(now), shown[0], shown[1], shown[2], key.scopes, key.name))
    engine.dispose()
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys.command("revoke")
def revoke(
    database: DatabaseOption,
    key_id: Annotated[str | None, typer.Argument(metavar="ID", help="The key's id in `keys list`.")] = None,
    all_keys: Annotated[
        bool, typer.Option("--all", help="Every key; the next one may be made with another secret.")
    ] = False,
) -> None:
    """Revoke a key: a running service refuses it from its next request on.

    \b
    Examples:
      icd-coder keys revoke 0123456789abcdef --database sqlite:///notes.sqlite3
      icd-coder keys revoke --all --database sqlite:///notes.sqlite3
    """
    from app.access.keys import revoke_all_keys, revoke_key
    from app.database.engine import open_engine, require_current
    from model.errors import InvalidOption

    if (key_id is None) is not all_keys:
        raise InvalidOption("name one key by its id, or all of them with --all: see `icd-coder keys list`")
    engine = open_engine(database)
    require_current(engine)
    if key_id is None:
        typer.echo(f"{revoke_all_keys(engine)} keys revoked", err=True)
    else:
        revoke_key(engine, key_id)
        typer.echo(f"key {key_id} is revoked", err=True)
    engine.dispose()


@keys.command("subject")
def subject(
    name: Annotated[str, typer.Argument(metavar="SUBJECT", help="The claim `sub` of the person's tokens.")],
    issuer: Annotated[str, typer.Option("--issuer", help="The identity provider, as ICD_CODER_OIDC_ISSUER.")],
    database: DatabaseOption,
) -> None:
    """Say what logs and access log call a person who comes with tokens of an identity provider.

    \b
    Example:
      icd-coder keys subject testperson@hospital.example --issuer https://login.hospital.example --database sqlite:///notes.sqlite3
    """
    from app.access.key_secret import open_secret
    from app.access.tokens import subject_name
    from app.database.engine import open_engine, require_current
    from app.settings import load_settings

    engine = open_engine(database)
    require_current(engine)
    secret = open_secret(engine, load_settings())
    engine.dispose()
    typer.echo(subject_name(secret, issuer, name))


@commands.command("verify-log")
def verify_log(
    database: DatabaseOption,
    anchor: Annotated[
        Path | None,
        typer.Option("--anchor", help="File that remembers the end of the log; keep it on another machine."),
    ] = None,
    new_anchor: Annotated[
        bool, typer.Option("--new-anchor", help="Make the file anew, although the log had an anchor before.")
    ] = False,
) -> None:
    """Check that no row of the access log was changed, replaced or removed; exit code 1 where one was.

    Rows removed from the end are noticed with --anchor only: the file is written after each good check and compared
    at the next one. The log remembers that an anchor was made: where the file is gone, the check fails.

    \b
    Examples:
      icd-coder verify-log --database sqlite:///notes.sqlite3
      icd-coder verify-log --database sqlite:///notes.sqlite3 --anchor notes.anchor
    """
    from app.access_log.verification import note_anchor, read_anchor, verify_chain, was_anchored, write_anchor
    from app.database.engine import open_engine
    from app.errors import BrokenChain

    known = None if anchor is None else read_anchor(anchor)
    engine = open_engine(database)
    try:
        end = verify_chain(engine, known)
        if anchor is not None and known is None:
            if was_anchored(engine) and not new_anchor:
                raise BrokenChain(
                    f"the rows are whole, but the anchor '{anchor}' is gone, and rows at the end may be with it: "
                    "put it back, or begin again with --new-anchor"
                )
            end = note_anchor(engine)
    except BrokenChain as error:
        typer.echo(f"BROKEN: {error}")
        raise typer.Exit(1) from None
    finally:
        engine.dispose()
    typer.echo(f"whole: {end.sequence} rows, the last has the hash {end.hash}")
    if anchor is not None:
        write_anchor(anchor, end)
        typer.echo(f"anchor '{anchor}' {'made' if known is None else 'moved on'}", err=True)
