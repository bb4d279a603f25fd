"""Replacing stored notes by what a dataset holds now: ``icd-coder index --rebuild``.

A note with the same text keeps its row, its codings and its reviews, whatever else has changed. One with another text
is another note: its reviews are deleted with it, and only where the operator said so.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from app.access_log.hash_chain import COMMAND_LINE, Entry, append
from app.neighbours.repository import AssignedTitle
from app.notes import repository
from app.notes.repository import ChangedNote, StoredDocument
from model.dataset import Document
from model.errors import InvalidOption
from model.icd import Code

OPTION = "--delete-reviews"
TitleOf = Callable[[Code], str]


class Lost(NamedTuple):
    """Reviews that go with the texts that they were of."""

    notes: int = 0
    reviews: int = 0


def all_lost(parts: Iterable[Lost]) -> Lost:
    """The reviews that several parts lose together."""
    lost = list(parts)
    return Lost(sum(each.notes for each in lost), sum(each.reviews for each in lost))


@dataclass(frozen=True)
class Rebuilding:
    """How the stored notes of one database are replaced."""

    embedding_id: str
    source: str
    title_of: TitleOf
    delete_reviews: bool

    def require_allowed(self, lost: Lost) -> None:
        """Raise InvalidOption where reviews would be deleted and nobody asked for it."""
        if lost.reviews and not self.delete_reviews:
            raise InvalidOption(
                f"the data has another text for {lost.notes:,} notes with {lost.reviews:,} reviews, which --rebuild "
                f"would delete: keep them with `icd-coder export-reviews`, then give {OPTION} too"
            )

    def make_room(
        self, connection: Connection, batch: Iterable[Document], stored: Mapping[str, StoredDocument]
    ) -> tuple[dict[str, StoredDocument], Lost]:
        """Take out of the caller's transaction what will be stored again; what is stored then, and the lost reviews.

        A changed note loses the embeddings of every bundle, since a running service knows its patient by them.

        Raises:
            InvalidOption: see :meth:`require_allowed`; a review may have been made since it was asked before.
        """
        left = dict(stored)
        replaced = []
        for document in batch:
            known = stored.get(document.document_id)
            if known is None:
                continue
            if is_unchanged(connection, document, known):
                repository.delete_embedding(connection, known.row, self.embedding_id)
                left[document.document_id] = known._replace(is_embedded=False, has_codes=False)
            elif has_same_text(connection, document, known):
                self._change(connection, document, known)
                left[document.document_id] = known._replace(is_embedded=False, has_codes=False)
            else:
                replaced.append(document)
                del left[document.document_id]
        return left, self._delete(connection, replaced, stored)

    def _change(self, connection: Connection, document: Document, known: StoredDocument) -> None:
        """Give a note of the same text its new patient, split and codes."""
        patient = repository.patient_row(connection, document.subject_id)
        codes = [AssignedTitle(code, self.title_of(code)) for code in document.codes]
        repository.change_note(connection, known.row, ChangedNote(patient, document.split, self.source), codes)
        repository.delete_patients_without_notes(connection, [known.subject_id])

    def _delete(
        self, connection: Connection, replaced: Sequence[Document], stored: Mapping[str, StoredDocument]
    ) -> Lost:
        """Delete notes of other texts with all that belongs to them, and name in the access log whose reviews went."""
        reviewed = repository.reviews_of(connection, [stored[each.document_id].row for each in replaced])
        lost = Lost(len(reviewed), sum(reviewed.values()))
        self.require_allowed(lost)
        for document in replaced:
            repository.delete_note(connection, stored[document.document_id].row)
        repository.delete_patients_without_notes(connection, [stored[each.document_id].subject_id for each in replaced])
        if lost.reviews:
            ids = [each.document_id for each in replaced if stored[each.document_id].row in reviewed]
            append(connection, Entry(COMMAND_LINE, f"index --rebuild deletes {lost.reviews} reviews", ids))
        return lost


def lost_reviews(connection: Connection, documents: Iterable[Document], stored: Mapping[str, StoredDocument]) -> Lost:
    """The reviews of stored notes of which the documents have another text."""
    rows = [
        known.row
        for document in documents
        if (known := stored.get(document.document_id)) and not has_same_text(connection, document, known)
    ]
    reviewed = repository.reviews_of(connection, rows)
    return Lost(len(reviewed), sum(reviewed.values()))


def hash_text(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a note's text in UTF-8, hex."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def has_same_text(connection: Connection, document: Document, known: StoredDocument) -> bool:
    """Whether a document is stored with the text that it has."""
    return hash_text(repository.hash_key(connection), document.text) == known.text_hash


def is_unchanged(connection: Connection, document: Document, known: StoredDocument) -> bool:
    """Whether a document is stored with the same text, split, patient and codes."""
    if (document.split, document.subject_id or None) != (known.split, known.subject_id):
        return False
    if not has_same_text(connection, document, known):
        return False
    return repository.codes_of(connection, known.row) == list(document.codes)
