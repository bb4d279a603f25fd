"""Coding the notes of files by a bundle, opened for them with its database."""

from pathlib import Path

from app.bundles.damaged_labels import require_whole_labels
from app.cli.code.local import Ask, OfflineCoding, Write
from app.cli.code.note_files import NoteFile
from app.database.engine import require_usable
from app.inference import worker as inference
from app.neighbours.index import open_index
from app.settings import Settings


def code_by_bundle(
    bundle: Path,
    device: str,
    precision: str,
    allow_damaged_labels: bool,
    settings: Settings,
    ask: Ask,
    notes: list[NoteFile],
    write: Write,
) -> None:
    """Code the notes; the database of the settings, where one is named, gives the neighbours.

    Raises:
        What :func:`app.database.engine.require_usable`, :func:`app.inference.worker.load_coder`,
        :func:`app.neighbours.index.open_index` and :meth:`app.cli.code.local.OfflineCoding.run` raise.
    """
    database = settings.database
    if database is not None:
        require_usable(database)
    coder = inference.load_coder(bundle, device, precision, settings.torch_threads)
    coder = require_whole_labels(coder, bundle, allow_damaged_labels)
    found = None
    if database is not None:
        found = open_index(database, coder.embedding_id, coder.embedding_dim)
    OfflineCoding(coder, found, settings, ask).run(notes, write)
