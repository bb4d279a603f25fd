"""Storing documents with codes and embeddings: only what is missing, in batches, each whole or absent.

Several bundles can index into one database: a note is stored once, with one embedding for every embedding id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from app.access_log.hash_chain import COMMAND_LINE, Entry, append
from app.bundles.repository import record_bundle
from app.database import postgresql
from app.database.engine import erase_deleted, is_sqlite, read, write
from app.errors import NoteStored
from app.inference.worker import Coder
from app.neighbours.index import require_same_dimension
from app.neighbours.repository import AssignedTitle, embedding_dimensions
from app.neighbours.search import as_stored
from app.notes import repository
from app.notes.document_checks import (
    LONGEST_ID,
    CodeUse,
    require_codes,
    require_distinct,
    require_notes,
    require_short_codes,
    require_short_ids,
)
from app.notes.note_encoder import NoteEncoder
from app.notes.rebuilding import Lost, Rebuilding, all_lost, hash_text, is_unchanged, lost_reviews
from app.notes.repository import NewNote, StoredDocument
from model.dataset import Dataset, Document
from model.errors import EmbeddingMismatch, EmptyDataset, InvalidOption, MalformedInput
from model.icd import Code
from model.labels import SPLITS, LabelSpace
from model.prediction import NoteVectors
from model.progress import progress_bar

BATCH_SIZE = 16
"""Documents a transaction: an interruption loses seconds of work at most."""
Stored = dict[str, StoredDocument]
"""What the database holds of the documents of a batch, by their ids."""


class Added(NamedTuple):
    """What a run or a batch of it has added."""

    notes: int = 0
    texts: int = 0
    """Texts of notes that were stored without them."""
    codes: int = 0
    """Notes that were embedded, and are written as their codes now."""
    lost: Lost = Lost()


@dataclass(frozen=True)
class IndexReport:
    """What a run did."""

    added: int
    present: int
    texts_added: int
    codes_added: int
    """Notes that were embedded before, and are written as their codes now."""
    code_use: CodeUse
    """How the codes of the documents fit the bundle."""
    lost: Lost
    """Reviews that were deleted with the texts that they were of."""


@dataclass(frozen=True)
class Indexer:
    """Writes the documents of one dataset into one database."""

    engine: Engine
    coder: Coder
    source: str
    """Where the documents come from: the name of the dataset directory."""
    titles: LabelSpace
    store_text: bool
    rebuild: bool = False
    """Store again what is there: other texts and codes replace the stored ones, embeddings are made anew."""
    delete_reviews: bool = False
    """Delete the reviews of notes that are stored again with another text."""

    def run(self, documents: Sequence[Document]) -> Added:
        """Add the documents that are missing, with a progress bar.

        Raises:
            MalformedInput: two documents share an id, a text is no note, or a stored one has another text now and is
                not rebuilt.
            InvalidOption: reviews would be deleted and shall not be; nothing was stored.
            EmbeddingMismatch: the embedding id is known with another dimension.
            DatabaseUnavailable: the database cannot be written, or its server's log would show the texts.
        """
        require_distinct(document.document_id for document in documents)
        require_notes(documents)
        self._require_usable()
        if self.rebuild:
            self._require_reviews_kept(documents)
        done = []
        with progress_bar("index", total=len(documents), unit="note") as bar:
            for start in range(0, len(documents), BATCH_SIZE):
                batch = documents[start : start + BATCH_SIZE]
                done.append(self._add(batch))
                bar.update(len(batch))
        if self.rebuild:
            erase_deleted(self.engine)
        return Added(
            sum(each.notes for each in done),
            sum(each.texts for each in done),
            sum(each.codes for each in done),
            all_lost(each.lost for each in done),
        )

    def store(self, document: Document, vectors: NoteVectors, entry: Callable[[bool], Entry]) -> bool:
        """Store one document with what was made of it, and the row of the access log with it.

        Args:
            vectors: the embedding; the predicted codes of a document without codes, which else has none.
            entry: the row, by whether the document is new.

        Returns:
            Whether it is new; the same document again changes nothing.

        Raises:
            NoteStored: another text, patient or list of codes is stored under its id; nothing was written.
            MalformedInput, EmbeddingMismatch, DatabaseUnavailable: as :meth:`run`.
        """
        require_short_ids(document)
        self._require_usable()
        with write(self.engine) as connection:
            stored = self._stored(connection, [document])
            known = stored.get(document.document_id)
            if known is not None and not is_unchanged(connection, document, known):
                raise NoteStored("another note is stored under this note_id: delete it first, or choose another id")
            self._record_bundle(connection)
            self._add_texts(connection, [document], stored)
            if not self._encoder.is_complete(known):
                self._write(connection, document, vectors, known)
            append(connection, entry(known is None))
        return known is None

    def _require_usable(self) -> None:
        with read(self.engine) as connection:
            known = embedding_dimensions(connection)
            if self.store_text and not is_sqlite(self.engine):
                postgresql.require_private_log(connection)
        require_same_dimension(self.engine, known, self.coder.embedding_id, self.coder.embedding_dim)

    def _require_reviews_kept(self, documents: Sequence[Document]) -> None:
        """Raise InvalidOption, before anything is stored, where reviews would be deleted and shall not be."""
        batches = [documents[start : start + BATCH_SIZE] for start in range(0, len(documents), BATCH_SIZE)]
        with read(self.engine) as connection:
            lost = all_lost(lost_reviews(connection, batch, self._stored(connection, batch)) for batch in batches)
        self._rebuilding().require_allowed(lost)

    def _rebuilding(self) -> Rebuilding:
        return Rebuilding(self.coder.embedding_id, self.source, self._title, self.delete_reviews)

    def _add(self, batch: Sequence[Document]) -> Added:
        """Encode outside of the transaction, then write under the lock what is still missing."""
        for document in batch:
            require_short_ids(document)
        with read(self.engine) as connection:
            stored = self._stored_with_same_texts(connection, batch)
            missing = [each for each in batch if self.rebuild or not self._is_complete(stored, each)]
            without_codes = [each.document_id for each in missing if not self._codes(connection, each, stored)]
        if not missing and not self._text_is_missing(batch, stored):
            return Added()
        embedded = [] if self.rebuild else [name for name, known in stored.items() if known.is_embedded]
        made = self._encoder.encode(missing, without_codes, embedded)
        with write(self.engine) as connection:
            stored = self._stored_with_same_texts(connection, batch)  # another indexer may have written meanwhile
            self._record_bundle(connection)
            lost = Lost()
            if self.rebuild:
                stored, lost = self._rebuilding().make_room(connection, missing, stored)
            texts = self._add_texts(connection, batch, stored)
            missing = [document for document in missing if not self._is_complete(stored, document)]
            for document in missing:
                known = stored.get(document.document_id)
                self._write(connection, document, made.get(document.document_id), known)
            changed = [document.document_id for document in (batch if texts else missing)]
            if changed:
                append(connection, Entry(COMMAND_LINE, "index", changed))
        known_before = [stored.get(document.document_id) for document in missing]
        codes = sum(known is not None and known.is_embedded for known in known_before)
        return Added(len(missing) - codes, texts, codes, lost)

    @property
    def _encoder(self) -> NoteEncoder:
        return NoteEncoder(self.coder)

    def _is_complete(self, stored: Stored, document: Document) -> bool:
        return self._encoder.is_complete(stored.get(document.document_id))

    def _codes(self, connection: Connection, document: Document, stored: Stored) -> Sequence[Code]:
        """The codes of a document as the database will have them."""
        known = stored.get(document.document_id)
        return document.codes if known is None or self.rebuild else repository.codes_of(connection, known.row)

    def _stored(self, connection: Connection, batch: Sequence[Document]) -> Stored:
        ids = [document.document_id for document in batch]
        return repository.stored_documents(connection, ids, self.coder.embedding_id)

    def _stored_with_same_texts(self, connection: Connection, batch: Sequence[Document]) -> Stored:
        """What is stored of the batch, whose texts must be the same unless they are rebuilt."""
        stored = self._stored(connection, batch)
        key = repository.hash_key(connection)
        for document in [] if self.rebuild else batch:
            known = stored.get(document.document_id)
            if known is not None and known.text_hash != hash_text(key, document.text):
                raise MalformedInput(
                    f"the document '{document.document_id}' is stored with another text: replace it with "
                    "`icd-coder index --rebuild`, or index the changed data into a new database"
                )
        return stored

    def _text_is_missing(self, batch: Sequence[Document], stored: Stored) -> bool:
        return self.store_text and not all(stored[document.document_id].has_text for document in batch)

    def _record_bundle(self, connection: Connection) -> None:
        if record_bundle(connection, self.coder) != self.coder.embedding_id:
            raise EmbeddingMismatch(
                f"the database holds embeddings that this bundle made in another precision than "
                f"{self.coder.precision}: choose the --precision of then, or index into another --database"
            )

    def _add_texts(self, connection: Connection, batch: Sequence[Document], stored: Stored) -> int:
        """Store the texts of notes that were stored without them; their number."""
        if not self.store_text:
            return 0
        added = 0
        for document in batch:
            known = stored.get(document.document_id)
            if known is not None and not known.has_text:
                repository.add_text(connection, known.row, document.text)
                added += 1
        return added

    def _write(
        self, connection: Connection, document: Document, made: NoteVectors | None, known: StoredDocument | None
    ) -> None:
        """Store what is missing of a document."""
        row = known.row if known is not None else self._insert_note(connection, document)
        assigned = repository.codes_of(connection, row)
        is_embedded = known is not None and known.is_embedded
        if made is None and not (is_embedded and assigned):
            made = self.coder.vectors([document.text])[0]  # somebody has deleted its row or its codes meanwhile
        codes = self._encoder.codes_of_note(assigned, None if made is None else made.codes)
        if made is not None and not is_embedded:
            repository.add_embedding(connection, row, self.coder.embedding_id, as_stored(made.embedding), codes)
        elif codes.vector is not None:
            repository.add_codes(connection, row, self.coder.embedding_id, codes)

    def _insert_note(self, connection: Connection, document: Document) -> int:
        note = NewNote(
            note_id=document.document_id,
            patient_id=repository.patient_row(connection, document.subject_id),
            split=document.split,
            source=self.source,
            text=document.text if self.store_text else None,
            text_hash=hash_text(repository.hash_key(connection), document.text),
            stored_at=datetime.now(UTC),
        )
        codes = [AssignedTitle(code, self._title(code)) for code in document.codes]
        return repository.add_note(connection, note, codes)

    def _title(self, code: Code) -> str:
        column = self.titles.column(code)
        return "" if column is None else self.titles[column].title


def index_dataset(
    engine: Engine,
    coder: Coder,
    dataset: Dataset,
    splits: Sequence[str],
    store_text: bool,
    rebuild: bool = False,
    delete_reviews: bool = False,
) -> IndexReport:
    """Store the documents of the splits; a re-run adds only what is missing, or with ``rebuild`` stores all again.

    Raises:
        InvalidOption: an unknown split, ``delete_reviews`` without ``rebuild``, or reviews that would be deleted.
        EmptyDataset: no document in the splits.
        LabelSpaceMismatch: the bundle has no code of the documents' systems.
        MalformedInput, EmbeddingMismatch, DatabaseUnavailable: see :meth:`Indexer.run`.
    """
    if delete_reviews and not rebuild:
        raise InvalidOption("--delete-reviews has a meaning with --rebuild only: add it, or leave both out")
    unknown = sorted(set(splits) - set(SPLITS))
    if unknown or not splits:
        raise InvalidOption(f"--splits names {unknown}: give some of {','.join(SPLITS)}")
    documents = dataset.documents(*splits)
    if not documents:
        raise EmptyDataset(
            f"'{dataset.path}' has no document in the splits {','.join(splits)} "
            f"(it has {dataset.split_sizes}): choose other --splits"
        )
    source = dataset.path.resolve().name[:LONGEST_ID]
    if not is_sqlite(engine):
        require_short_codes(documents)
    code_use = require_codes(dataset, documents, coder.codes)
    indexer = Indexer(engine, coder, source, dataset.labels, store_text, rebuild, delete_reviews)
    added = indexer.run(documents)
    present = len(documents) - added.notes
    return IndexReport(added.notes, present, added.texts, added.codes, code_use, added.lost)
