"""What is stored of a note so that it can be found: its embedding, and the note as its codes, by one coder."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.inference.worker import Coder
from app.notes.repository import WITHOUT_CODES, CodesOfNote, StoredDocument
from model.code_vectors import CodeVector
from model.dataset import Document
from model.icd import Code
from model.prediction import NoteVectors


@dataclass(frozen=True)
class NoteEncoder:
    """Makes no more than is missing: a note that is embedded already needs no encoder for its assigned codes."""

    coder: Coder

    def is_complete(self, known: StoredDocument | None) -> bool:
        """Whether nothing of this coder is missing in what is stored of a note."""
        if known is None or not known.is_embedded:
            return False
        return known.has_codes or self.coder.code_vectors is None

    def encode(
        self, documents: Iterable[Document], without_codes: Collection[str], embedded: Collection[str]
    ) -> dict[str, NoteVectors]:
        """What the encoder has to make of some documents, by their ids.

        Args:
            without_codes: ids of documents whose codes have to be predicted.
            embedded: ids of documents whose embedding is stored.
        """
        made: dict[str, NoteVectors] = {}
        plain: list[Document] = []
        for document in documents:
            if self.coder.code_vectors is not None and document.document_id in without_codes:
                made[document.document_id] = self.coder.vectors([document.text])[0]
            elif document.document_id not in embedded:
                plain.append(document)
        if plain:
            rows = self.coder.embed([document.text for document in plain])
            made |= {document.document_id: NoteVectors(row) for document, row in zip(plain, rows, strict=True)}
        return made

    def codes_of_note(self, assigned: Sequence[Code], predicted: CodeVector | None) -> CodesOfNote:
        """The note as its assigned codes, else as its predicted ones where there are any."""
        if self.coder.code_vectors is None:
            return WITHOUT_CODES
        if assigned:
            return CodesOfNote(self.coder.code_vectors.assigned(self.coder.codes.columns(assigned)), False)
        return WITHOUT_CODES if predicted is None else CodesOfNote(predicted, True)
