"""The options of ``icd-coder code --bulk``."""

from pathlib import Path

import typer

from app.cli.code.bulk import BulkFile, run_bulk
from app.cli.code.remote import open_client
from model.errors import InvalidOption

WITH_BULK = frozenset({"bulk", "out", "idempotency_key", "server", "key_file"})


def code_bulk(
    context: typer.Context,
    bulk: Path,
    out: Path | None,
    idempotency_key: str | None,
    server: str | None,
    key_file: Path | None,
) -> None:
    """Code a file by a service.

    Raises:
        InvalidOption: an option that does not go with --bulk, or no service.
        What :meth:`app.cli.code.bulk.BulkFile.read`, :func:`app.cli.code.remote.open_client` and
        :func:`app.cli.code.bulk.run_bulk` raise.
    """
    others = sorted(name for name in context.params if name not in WITH_BULK and _is_given(context, name))
    if others:
        raise InvalidOption(
            f"{', '.join(others)} cannot be given with --bulk: each line of the file has its own options"
        )
    if server is None:
        raise InvalidOption("--bulk needs a service: give its address with --server")
    file = BulkFile.read(bulk, out, idempotency_key)
    with open_client(server, key_file) as client:
        run_bulk(client, file)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
