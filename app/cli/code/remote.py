"""Code the notes of files with a running service."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import typer

from app.cli.code.local import CodingOptions, Write, selected_part
from app.cli.code.note_files import NoteFile
from app.client import Client, read_key, require_address
from app.listening import is_loopback
from app.settings import Settings
from model.errors import InvalidOption


@dataclass(frozen=True)
class RemoteCoding:
    """Sends one note after the other to a service; each answer is written at once."""

    client: Client
    options: CodingOptions
    max_characters: int

    def run(self, notes: list[NoteFile], write: Write) -> None:
        """Code the notes; ``write`` gets the file, its text and the answer.

        Raises:
            What :meth:`app.cli.code.note_files.NoteFile.read` and :meth:`app.client.Client.predict` raise.
        """
        for note in notes:
            text = note.read(self.max_characters)
            answer = self.client.predict(self.options.request(text))
            write(note, text, selected_part(answer) if self.options.selected_only else answer)


def open_client(server: str, key_file: Path | None) -> Client:
    """A client of the service with the key of the file; warns if notes and key are sent unencrypted.

    Raises:
        InvalidOption, MissingInput: the address or the key cannot be used.
    """
    if require_address(server).startswith("http:") and not is_loopback(urlsplit(server).hostname or ""):
        typer.echo("warning: the notes and the key travel in plain HTTP: use an https:// address", err=True)
    return Client(server, None if key_file is None else read_key(key_file))


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
        require_address(server)
