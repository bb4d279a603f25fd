"""Storing documents with codes and embeddings: only what is missing, in batches, each whole or absent.

Several bundles can index into one database: a note is stored once, with one embedding for every embedding id.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.orm import Session

from app.access_log.chain import COMMAND_LINE, Entry, append
from app.database import postgresql
from app.database.engine import database_errors, is_sqlite, writing
from app.database.tables import AssignedCode, Bundle, Embedding, HashKey, Note, Patient
from app.errors import NoteStored
from app.inference.worker import Coder
from app.neighbours import repository
from app.neighbours.index import require_same_dimension
from app.neighbours.search import as_stored
from model.dataset import Dataset, Document
from model.errors import EmbeddingMismatch, EmptyDataset, InvalidOption, MalformedInput
from model.labels import SPLITS, LabelSpace
from model.progress import progress_bar

BATCH_SIZE = 16
"""Documents a transaction: seconds of work at most are lost to an interruption."""


LONGEST_ID = 200
"""The columns' limit, which only PostgreSQL itself would enforce."""


class Known(NamedTuple):
    """What the database holds of a document."""

    id: int
    text_hash: str
    has_text: bool
    is_embedded: bool
    split: str
    subject_id: str | None


@dataclass(frozen=True)
class IndexReport:
    """What a run did."""

    added: int
    present: int
    texts_added: int


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

    def run(self, documents: Sequence[Document]) -> IndexReport:
        """Add the documents that are missing, with a progress bar.

        Raises:
            MalformedInput: two documents share an id, or a stored one has another text now and is not rebuilt.
            EmbeddingMismatch: the embedding id is known with another dimension.
            DatabaseUnavailable: the database cannot be written, or its server's log would show the texts.
        """
        _require_distinct(document.document_id for document in documents)
        self._require_usable()
        added = texts_added = 0
        with progress_bar("index", total=len(documents), unit="note") as bar:
            for batch in _batches(documents, BATCH_SIZE):
                new, texts = self._add(batch)
                added, texts_added = added + new, texts_added + texts
                bar.update(len(batch))
        return IndexReport(added, len(documents) - added, texts_added)

    def store(self, document: Document, vector: np.ndarray, entry: Callable[[bool], Entry]) -> bool:
        """Store one document with the embedding (D,) that was made of it, and the row of the access log with it.

        Args:
            entry: the row, by whether the document is new.

        Returns:
            Whether it is new; the same document again changes nothing.

        Raises:
            NoteStored: another text, patient or list of codes is stored under its id; nothing was written.
            MalformedInput, EmbeddingMismatch, DatabaseUnavailable: as :meth:`run`.
        """
        _require_storable(document, self.store_text)
        self._require_usable()
        with database_errors(self.engine.url), Session(writing(self.engine)) as session, session.begin():
            known = replace(self, rebuild=True)._known(session, [document])  # compared here, with the codes
            stored = known.get(document.document_id)
            if stored is not None and not self._is_unchanged(session, _hash_key(session), document, stored):
                raise NoteStored("another note is stored under this note_id: delete it first, or choose another id")
            self._register_bundle(session)
            self._add_texts(session, [document], known)
            if stored is None or not stored.is_embedded:
                self._insert(session, document, vector, known)
            append(session.connection(), entry(stored is None))
        return stored is None

    def _require_usable(self) -> None:
        with database_errors(self.engine.url), self.engine.connect() as connection:
            known = repository.embedding_dimensions(connection)
            if self.store_text and not is_sqlite(self.engine):
                postgresql.require_private_log(connection)
        require_same_dimension(self.engine, known, self.coder.embedding_id, self.coder.embedding_dim)

    def _add(self, batch: list[Document]) -> tuple[int, int]:
        """Embed outside the transaction, then write under the lock what is missing still."""
        for document in batch:
            _require_storable(document, self.store_text)
        with database_errors(self.engine.url), Session(self.engine) as session:
            known = self._known(session, batch)
        missing = [document for document in batch if not self._is_done(known, document)]
        if not missing and not self._text_is_missing(batch, known):
            return 0, 0
        rows = self.coder.embed([document.text for document in missing]) if missing else np.empty((0, 0))
        vectors = {document.document_id: row for document, row in zip(missing, rows, strict=True)}
        with database_errors(self.engine.url), Session(writing(self.engine)) as session, session.begin():
            known = self._known(session, batch)  # another indexer may have been here
            self._register_bundle(session)
            if self.rebuild:
                known = self._make_room(session, missing, known)
            texts = self._add_texts(session, batch, known)
            missing = [document for document in missing if not _is_embedded(known, document)]
            for document in missing:
                self._insert(session, document, vectors[document.document_id], known)
            stored = [document.document_id for document in (batch if texts else missing)]
            if stored:
                append(session.connection(), Entry(COMMAND_LINE, "index", stored))
        return len(missing), texts

    def _is_done(self, known: dict[str, Known], document: Document) -> bool:
        return not self.rebuild and _is_embedded(known, document)

    def _known(self, session: Session, batch: Sequence[Document]) -> dict[str, Known]:
        """The stored rows of the batch, whose texts must be the same."""
        embedded = (
            select(Embedding.id)
            .where(Embedding.note_id == Note.id, Embedding.embedding_id == self.coder.embedding_id)
            .exists()
        )
        query = select(
            Note.note_id, Note.id, Note.text_hash, Note.text.is_not(None), embedded, Note.split, Patient.subject_id
        ).outerjoin(Patient, Note.patient_id == Patient.id)
        ids = [document.document_id for document in batch]
        known = {row[0]: Known(*row[1:]) for row in session.execute(query.where(Note.note_id.in_(ids)))}
        key = _hash_key(session)
        for document in [] if self.rebuild else batch:
            stored = known.get(document.document_id)
            if stored is not None and stored.text_hash != hash_text(key, document.text):
                raise MalformedInput(
                    f"the document '{document.document_id}' is stored with another text: replace it with "
                    "`icd-coder index --rebuild`, or index the changed data into a new database"
                )
        return known

    def _make_room(self, session: Session, batch: Sequence[Document], known: dict[str, Known]) -> dict[str, Known]:
        """Delete what will be stored again: a changed note with all that hangs on it, else its embedding alone."""
        key = _hash_key(session)
        left = dict(known)
        for document in batch:
            stored = known.get(document.document_id)
            if stored is None:
                continue
            if self._is_unchanged(session, key, document, stored):
                session.execute(
                    delete(Embedding).where(
                        Embedding.note_id == stored.id, Embedding.embedding_id == self.coder.embedding_id
                    )
                )
                left[document.document_id] = stored._replace(is_embedded=False)
            else:
                session.execute(delete(Note).where(Note.id == stored.id))
                del left[document.document_id]
        return left

    def _is_unchanged(self, session: Session, key: bytes, document: Document, stored: Known) -> bool:
        codes = session.execute(
            select(AssignedCode.system, AssignedCode.code)
            .where(AssignedCode.note_id == stored.id)
            .order_by(AssignedCode.sequence)
        ).all()
        now = (hash_text(key, document.text), document.split, document.subject_id or None)
        was = (stored.text_hash, stored.split, stored.subject_id)
        return was == now and [tuple(code) for code in document.codes] == list(codes)

    def _text_is_missing(self, batch: Sequence[Document], known: dict[str, Known]) -> bool:
        return self.store_text and not all(known[document.document_id].has_text for document in batch)

    def _register_bundle(self, session: Session) -> None:
        known = session.get(Bundle, self.coder.bundle_id)
        if known is not None and known.embedding_id != self.coder.embedding_id:
            raise EmbeddingMismatch(
                f"the database holds embeddings that this bundle made in another precision than "
                f"{self.coder.precision}: choose the --precision of then, or index into another --database"
            )
        if known is None:
            session.add(
                Bundle(
                    bundle_id=self.coder.bundle_id,
                    embedding_id=self.coder.embedding_id,
                    dimension=self.coder.embedding_dim,
                    created_at=datetime.now(UTC),
                )
            )

    def _add_texts(self, session: Session, batch: Sequence[Document], known: dict[str, Known]) -> int:
        """Store the text of notes that were stored without it."""
        if not self.store_text:
            return 0
        textless = [
            document for document in batch if document.document_id in known and not known[document.document_id].has_text
        ]
        for document in textless:
            session.execute(update(Note).where(Note.note_id == document.document_id).values(text=document.text))
        return len(textless)

    def _insert(self, session: Session, document: Document, vector: np.ndarray, known: dict[str, Known]) -> None:
        stored = known.get(document.document_id)
        note_id = stored.id if stored is not None else self._insert_note(session, document)
        session.execute(
            insert(Embedding).values(
                note_id=note_id,
                embedding_id=self.coder.embedding_id,
                dimension=self.coder.embedding_dim,
                vector=as_stored(vector),
            )
        )

    def _insert_note(self, session: Session, document: Document) -> int:
        note = Note(
            note_id=document.document_id,
            patient_id=_patient(session, document.subject_id),
            split=document.split,
            source=self.source,
            text=document.text if self.store_text else None,
            text_hash=hash_text(_hash_key(session), document.text),
            stored_at=datetime.now(UTC),
        )
        session.add(note)
        session.flush()
        codes = [
            {
                "note_id": note.id,
                "sequence": sequence,
                "system": code.system,
                "code": code.code,
                "title": self.titles[column].title if (column := self.titles.column(code)) is not None else "",
            }
            for sequence, code in enumerate(document.codes, start=1)
        ]
        if codes:
            session.execute(insert(AssignedCode), codes)
        return note.id


def index_dataset(
    engine: Engine, coder: Coder, dataset: Dataset, splits: Sequence[str], store_text: bool, rebuild: bool = False
) -> IndexReport:
    """Store the documents of the splits; a re-run adds only what is missing, or with ``rebuild`` stores all again.

    Raises:
        InvalidOption: an unknown split.
        EmptyDataset: no document in the splits.
        MalformedInput, EmbeddingMismatch, DatabaseUnavailable: see :meth:`Indexer.run`.
    """
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
    return Indexer(engine, coder, source, dataset.labels, store_text, rebuild).run(documents)


def hash_text(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a note's text in UTF-8, hex."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _hash_key(session: Session) -> bytes:
    return session.scalars(select(HashKey.key)).one()


def _is_embedded(known: dict[str, Known], document: Document) -> bool:
    stored = known.get(document.document_id)
    return stored is not None and stored.is_embedded


def _patient(session: Session, subject_id: str | None) -> int | None:
    """Row of the patient, made when new; None where the data names none."""
    if not subject_id:
        return None
    known = session.scalars(select(Patient.id).where(Patient.subject_id == subject_id)).one_or_none()
    if known is not None:
        return known
    patient = Patient(subject_id=subject_id)
    session.add(patient)
    session.flush()
    return patient.id


def _require_storable(document: Document, store_text: bool) -> None:
    """Raise MalformedInput, on both engines alike, for what only PostgreSQL refuses."""
    if max(len(document.document_id), len(document.subject_id or "")) > LONGEST_ID:
        raise MalformedInput(
            f"the document '{document.document_id[:40]}...' has an id or a patient's id of more than {LONGEST_ID} "
            "characters: shorten it and prepare the data again"
        )
    if store_text and "\0" in document.text:
        raise MalformedInput(
            f"the document '{document.document_id}' holds a NUL character at position {document.text.index(chr(0))}: "
            "remove it and prepare the data again, or leave out --store-text"
        )


def _require_distinct(document_ids: Iterable[str]) -> None:
    document_id, count = Counter(document_ids).most_common(1)[0]
    if count > 1:
        raise MalformedInput(f"the document id '{document_id}' occurs {count} times: prepare the data again")


def _batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
