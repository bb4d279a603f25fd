"""Code the notes of files with a running service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from app.cli.code.local import CodingOptions, Write, selected_part
from app.cli.code.note_files import NoteFile
from app.listening import is_loopback
from app.settings import Settings
from icd_coder_client import Client, ClientError, InvalidArgument
from icd_coder_client.connection import require_address
from model.errors import IcdCoderError, InvalidOption, MissingInput


@dataclass(frozen=True)
class RemoteCoding:
    """Sends one note after the other to a service; each answer is written at once."""

    client: Client
    options: CodingOptions
    max_characters: int

    def run(self, notes: list[NoteFile], write: Write) -> None:
        """Code the notes; ``write`` gets the file, its text and the answer.

        Raises:
            What :meth:`app.cli.code.note_files.NoteFile.read` and :meth:`icd_coder_client.Client.predict` raise.
        """
        for note in notes:
            text = note.read(self.max_characters)
            answer = self.client.predict(text, **self.options.fields())
            write(note, text, selected_part(answer) if self.options.selected_only else answer)


class ServiceError(IcdCoderError):
    """The service cannot be reached, or does not answer as asked."""


@contextmanager
def open_client(server: str, key_file: Path | None) -> Iterator[Client]:
    """A client of the service with the key of the file; warns if notes and key are sent unencrypted.

    Raises:
        InvalidOption, MissingInput: the address or the key cannot be used.
        ServiceError: what goes wrong while the client is used.
    """
    with _translated():
        if require_address(server).startswith("http:") and not is_loopback(urlsplit(server).hostname or ""):
            typer.echo("warning: the notes and the key travel in plain HTTP: use an https:// address", err=True)
        with Client(server, None if key_file is None else _key_of(key_file)) as client:
            yield client


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the errors of the client into those of this program."""
    try:
        yield
    except InvalidArgument as error:
        raise InvalidOption(str(error)) from None
    except ClientError as error:
        raise ServiceError(str(error)) from None


def _key_of(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise MissingInput(f"the key file '{path}' cannot be read ({error.strerror}): fix the path") from None


def code_by_server(
    server: str, key_file: Path | None, settings: Settings, options: CodingOptions, notes: list[NoteFile], write: Write
) -> None:
    """Code the notes. Raises what :func:`open_client` and :meth:`RemoteCoding.run` raise."""
    with open_client(server, key_file) as client:
        RemoteCoding(client, options, settings.max_characters).run(notes, write)


def require_one_place(bundle: Path | None, server: str | None, database: str | None, key_file: Path | None) -> None:
    """Raise InvalidOption unless exactly one of bundle and service is named, with only its own options."""
    if (bundle is None) == (server is None):
        raise InvalidOption("notes are coded by a bundle or by a service: give one of --bundle and --server")
    if server is not None and database is not None:
        raise InvalidOption("--database goes with --bundle: a service of --server has its own")
    if server is None and key_file is not None:
        raise InvalidOption("--key-file goes with --server: a bundle needs no key")
    if server is not None:
        with _translated():
            require_address(server)
