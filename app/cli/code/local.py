"""Code the notes of files in this process, with the same service that the server runs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.bundles.open_bundle import require_undamaged_labels
from app.cli.code.note_files import NoteFile
from app.coding.schemas import PredictRequest
from app.coding.service import build_service
from app.database.engine import require_usable
from app.inference import worker
from app.inference.worker import Coder, Inference
from app.neighbours.index import NeighbourIndex, open_index
from app.settings import Settings
from app.wire import Identifier
from icd_coder_client.coding import PredictAnswer
from icd_coder_client.requests import Explain, PredictOptions
from model.errors import InvalidOption

Write = Callable[[NoteFile, str, PredictAnswer], None]


@dataclass(frozen=True)
class CodingOptions:
    """The options that apply to every note."""

    top_k: int
    explain: Explain
    neighbours: int
    selected_only: bool
    subject_id: str | None = None
    """The patient of all the notes, excluded from the neighbours."""
    policy: str | None = None
    """Name of the threshold policy; None for the global threshold."""

    def __post_init__(self) -> None:
        """Raise InvalidOption for a malformed subject_id."""
        try:
            TypeAdapter(Identifier | None).validate_python(self.subject_id)
        except ValidationError:
            raise InvalidOption(
                "--subject-id cannot be used: give one line of 1 to 200 characters, or leave it out"
            ) from None

    def fields(self) -> PredictOptions:
        """The fields of the request for a note, beside its text."""
        return {
            "subject_id": self.subject_id,
            "top_k": self.top_k,
            "explain": self.explain,
            "neighbours": self.neighbours,
            "policy": self.policy,
        }


@dataclass(frozen=True)
class LocalCoding:
    """Codes notes one after the other with a bundle; each answer is written at once."""

    coder: Coder
    index: NeighbourIndex | None
    settings: Settings
    options: CodingOptions

    def run(self, notes: list[NoteFile], write: Write) -> None:
        """Code the notes; ``write`` gets the file, its text and the answer.

        Raises:
            What :meth:`app.cli.code.note_files.NoteFile.read` and
            :meth:`app.coding.service.CodingService.predict` raise.
        """
        asyncio.run(self._run(notes, write))

    async def _run(self, notes: list[NoteFile], write: Write) -> None:
        async with Inference(self.coder, self.settings.max_waiting, self.settings.torch_threads) as inference:
            service = build_service(self.settings, self.coder, inference, self.index)
            for note in notes:
                text = note.read(self.settings.max_characters)
                request = PredictRequest(text=text, **self.options.fields())
                answer = await service.predict(request, reads_notes=True)  # who may read the database's file
                write(note, text, selected_part(answer) if self.options.selected_only else answer)


def code_by_bundle(
    bundle: Path,
    device: str,
    precision: str,
    allow_damaged_labels: bool,
    settings: Settings,
    options: CodingOptions,
    notes: list[NoteFile],
    write: Write,
) -> None:
    """Code the notes with a bundle, and with neighbours if the settings name a database.

    Raises:
        What :func:`app.database.engine.require_usable`, :func:`app.inference.worker.load_coder`,
        :func:`app.neighbours.index.open_index` and :meth:`app.cli.code.local.LocalCoding.run` raise.
    """
    database = settings.database
    if database is not None:
        require_usable(database)
    coder = worker.load_coder(bundle, device, precision, settings.torch_threads)
    coder = require_undamaged_labels(coder, bundle, allow_damaged_labels)
    found = None
    if database is not None:
        found = open_index(database, coder.embedding_id, coder.embedding_dim)
    LocalCoding(coder, found, settings, options).run(notes, write)


def selected_part(answer: PredictAnswer) -> PredictAnswer:
    """The answer with only its selected codes, also among the shared codes of the neighbours."""
    neighbours = [
        note.model_copy(update={"shared": [code for code in note.shared if code.selected]})
        for note in answer.neighbours
    ]
    codes = [code for code in answer.codes if code.selected]
    return answer.model_copy(update={"codes": codes, "neighbours": neighbours})
