"""Code a file of notes as one job of a running service: ``icd-coder code --bulk``."""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from app.cli.code.remote import open_client
from icd_coder_client import Client, JobStatus
from model.atomic_output import require_no_file, staged_file
from model.errors import InvalidOption, MissingInput
from model.progress import progress_bar

WITH_BULK = frozenset({"bulk", "out", "idempotency_key", "server", "key_file"})
"""Parameters of the verb that can be combined with --bulk."""
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class BulkFile:
    """The file to submit, its Idempotency-Key, and where to write the results."""

    body: bytes
    key: str
    out: Path | None
    """None for standard output."""

    @classmethod
    def read(cls, path: Path, out: Path | None, key: str | None) -> "BulkFile":
        """Read the file; the default key is made from its content, so that the same file finds the same job.

        Raises:
            MissingInput: the file cannot be read.
            InvalidOption: the key is malformed.
            OutputExists: ``out`` exists already.
        """
        if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable() and " " not in key):
            raise InvalidOption("--idempotency-key cannot be used: give 1 to 200 ASCII characters without spaces")
        if out is not None:
            require_no_file(out)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise MissingInput(f"'{path}' cannot be read ({error.strerror}): fix the path") from None
        return cls(body, key or f"file-{hashlib.sha256(body).hexdigest()}", out)

    @property
    def as_table(self) -> bool:
        """Whether the results are wanted as a table."""
        return self.out is not None and self.out.suffix.lower() == ".csv"


def code_bulk(
    context: typer.Context,
    bulk: Path,
    out: Path | None,
    idempotency_key: str | None,
    server: str | None,
    key_file: Path | None,
) -> None:
    """Submit the file and write the results.

    Raises:
        InvalidOption: an option that cannot be combined with --bulk, or no service.
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


def run_bulk(client: Client, file: BulkFile) -> None:
    """Submit the file or find its job, wait for the end of the job, and write its results.

    Raises:
        InvalidOption: the job was cancelled.
        UnwritableOutput: the results cannot be written.
        What :meth:`icd_coder_client.Client.predict` raises.
    """
    status = client.submit_job(file.body, file.key)
    try:
        status = _wait(client, status)
    except KeyboardInterrupt:
        typer.echo(f"the job {status.job_id} continues: run the same command to wait for it", err=True)
        raise
    if status.state == "cancelled":
        raise InvalidOption(
            f"the job {status.job_id} was cancelled after {status.done} of {status.total} notes: fetch what there is "
            f"from /v1/jobs/{status.job_id}/results, or give another --idempotency-key to code the file anew"
        )
    _write_results(client, status.job_id, file)
    typer.echo(f"{status.total} notes, {status.failed} of them with a problem instead of an answer", err=True)


def _wait(client: Client, status: JobStatus) -> JobStatus:
    with progress_bar("coding", total=status.total, unit="note") as bar:
        return client.wait_for_job(status.job_id, lambda seen: _show(bar, seen), POLL_SECONDS)


def _show(bar: Any, status: JobStatus) -> None:
    bar.update(status.done - bar.n)
    if status.failed:
        bar.set_postfix(failed=status.failed)


def _write_results(client: Client, job_id: str, file: BulkFile) -> None:
    if file.out is None:
        client.write_job_results(job_id, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with staged_file(file.out) as target:
        client.write_job_results(job_id, target, as_table=file.as_table)
