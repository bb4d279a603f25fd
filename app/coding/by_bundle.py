"""Coding the notes of files by a bundle, opened for them with its database."""

from pathlib import Path

from app import inference
from app.coding.note_files import NoteFile
from app.coding.offline import Ask, OfflineCoding, Write
from app.damaged_labels import require_whole_labels
from app.db import require_usable
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
        What :func:`app.db.require_usable`, :func:`app.inference.load_coder`, :func:`app.neighbours.index.open_index`
        and :meth:`app.coding.offline.OfflineCoding.run` raise.
    """
    database = settings.database
    if database is not None:
        require_usable(database)
    coder = inference.load_coder(bundle, device, precision, settings.torch_threads)
    coder = require_whole_labels(coder, bundle, allow_damaged_labels)
    found = None
    if database is not None:
        found = open_index(database, coder.embedding_id, coder.embedding_dim, settings.approximate)
    OfflineCoding(coder, found, settings, ask).run(notes, write)
