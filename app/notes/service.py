"""Storing, reading and deleting notes, each with its row in the access log."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Engine

from app.access.caller import Visit
from app.access.scopes import Scope
from app.access_log.hash_chain import Entry, append
from app.access_log.journal import write_entry
from app.catalogue.code_tree import CodeTree
from app.database.engine import erase_deleted, read, write
from app.errors import DatabaseUnavailable, NoDatabase, UnknownNote
from app.inference.worker import Coder, Inference
from app.neighbours import repository as codes_repository
from app.neighbours.index import NeighbourIndex
from app.notes import repository
from app.notes.document_checks import code_use, other_systems
from app.notes.indexing import Indexer
from app.notes.repository import Deleted
from app.notes.schemas import NoteRequest
from icd_coder_client.answer import CodeTitle
from icd_coder_client.notes import NoteDeleted, NoteKept, StoredNote
from model.dataset import Document
from model.errors import InvalidOption
from model.prediction import NoteVectors
from model.text.note_text import check_note

SPLIT = "service"
"""No split of a dataset: nobody evaluates on notes that came by REST."""
SOURCE = "rest"
NO_TEXT = "the text is not stored: set ICD_CODER_STORE_TEXT before notes are stored, or index with --store-text"
WITHHELD = "the access key has no scope 'text': the text is left out"


@dataclass(frozen=True)
class NoteService:
    """The notes of one database, embedded by one coder."""

    coder: Coder
    inference: Inference
    tree: CodeTree
    index: NeighbourIndex | None
    max_characters: int
    store_text: bool

    async def store(self, request: NoteRequest, visit: Visit) -> NoteKept:
        """Embed a note in its turn and store it with its codes.

        Raises:
            NoDatabase, NoteStored: it cannot be stored here, or not under its id.
            InvalidNote, InvalidOption: its text or one of its codes is none, or no code is of a system of the bundle.
            Overloaded, DatabaseUnavailable: not now; nothing was stored.
        """
        index = self._database()
        check_note(request.text, self.max_characters)
        codes = tuple(dict.fromkeys(self.tree.code(each.code, each.system) for each in request.codes))
        if difference := other_systems(codes, self.tree.systems):
            raise InvalidOption(f"the note cannot be stored, {difference}: give its codes of these systems")
        document = Document(request.note_id, request.subject_id or "", SPLIT, request.text, codes)
        if codes:
            vectors = NoteVectors(await self.inference.embed(request.text))
        else:
            vectors = await self.inference.vectors(request.text)
        indexer = Indexer(index.engine, self.coder, SOURCE, self.coder.codes, self.store_text)
        created = await asyncio.to_thread(
            indexer.store, document, vectors, lambda new: visit.entry([request.note_id], 201 if new else 200)
        )
        told = code_use(Counter(codes), self.coder.codes).warning
        return NoteKept(
            note_id=request.note_id, created=created, text_stored=self.store_text, warnings=[told] if told else []
        )

    async def read(self, note_id: str, visit: Visit) -> StoredNote:
        """A stored note, its text for a key that may see it; logged before it is given.

        Raises:
            NoDatabase, UnknownNote, DatabaseUnavailable: there is none, or not now.
        """
        return await asyncio.to_thread(self._read, self._database(), note_id, visit)

    async def delete(self, note_id: str, visit: Visit) -> NoteDeleted:
        """Delete a note with its codes, embeddings, codings and reviews.

        Raises:
            As :func:`delete_note`, and NoDatabase.
        """
        engine = self._database().engine
        gone = await asyncio.to_thread(delete_note, engine, note_id, visit.entry([note_id]))
        return NoteDeleted(note_id=note_id, **gone._asdict())

    def _read(self, index: NeighbourIndex, note_id: str, visit: Visit) -> StoredNote:
        with read(index.engine) as connection:
            row = repository.note_row(connection, note_id)
            codes = codes_repository.assigned_codes(connection, [note_id])[note_id]
        if row is None:
            raise UnknownNote("no note is stored under this note_id: see the note_id of an answer")
        write_entry(index.engine, visit.entry([note_id]))
        visible = row.text is not None and visit.may(Scope.TEXT)
        return StoredNote(
            note_id=note_id,
            codes=[CodeTitle(system=code.system, code=code.code, title=title) for code, title in codes],
            source=row.source,
            stored_at=row.stored_at,
            text=row.text if visible else None,
            warnings=[] if visible else [NO_TEXT if row.text is None else WITHHELD],
        )

    def _database(self) -> NeighbourIndex:
        if self.index is None:
            raise NoDatabase("notes need a database: start `icd-coder serve --database URL`")
        return self.index


def delete_note(engine: Engine, note_id: str, entry: Entry) -> Deleted:
    """Delete a note, its codes, its embeddings by every bundle, its codings and reviews, and a patient without notes.

    The access log keeps the id. The rows are counted before and after, in the same transaction. In SQLite the bytes
    are overwritten, in the file and in its write-ahead log; PostgreSQL overwrites them when it vacuums.

    Raises:
        UnknownNote: no such note.
        DatabaseUnavailable: the database cannot be written, or rows were left: nothing was deleted.
    """
    with write(engine) as connection:
        found = repository.note_and_patient(connection, note_id)
        if found is None:
            raise UnknownNote("no note is stored under this note_id: see the note_id of an answer")
        note, patient = found
        before = repository.count_rows_of(connection, note)
        repository.delete_note(connection, note)
        if patient is not None:
            repository.delete_patient_without_notes(connection, patient)
        left = repository.count_rows_of(connection, note)
        if left != Deleted(0, 0, 0, 0):
            raise DatabaseUnavailable(
                f"deleting '{note_id}' would leave rows behind ({left.codes} codes, {left.embeddings} embeddings, "
                f"{left.codings} codings, {left.reviews} reviews), so nothing was deleted: run `icd-coder verify-index`"
            )
        append(connection, entry)
    erase_deleted(engine)
    return before
