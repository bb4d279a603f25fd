"""Who may be a neighbour of a note, and what to tell about it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.errors import NoDatabase, NoteTextNotStored, UnknownNote
from app.neighbours.index import NeighbourIndex
from app.neighbours.search import Excluded, SearchQuery
from app.wire import NoteQuery
from icd_coder_client.neighbours import Neighbour, SimilarBy
from model.errors import InvalidOption
from model.prediction import NoteVectors

NO_DATABASE = "no database is in use: the answer has no neighbours"
NOTHING_INDEXED = "the database has no note to compare with: run `icd-coder index`"
NO_PATIENT = "no patient is named: the neighbours may include notes of the same patient (subject_id excludes them)"
PATIENT_UNKNOWN = (
    "the stored note names no patient: the neighbours may include notes of the same patient (subject_id excludes them)"
)
NO_LIKELY_CODE = "no code of the note is likely enough: the neighbours are similar by their text alone"
NO_STORED_TEXT = (
    "the note is stored without its text, so that no code of it can be predicted: the neighbours are similar by their "
    "text alone"
)
NO_TEXT = "the database stores no text of the neighbours: no snippet (`icd-coder index --store-text` stores it)"


@dataclass(frozen=True)
class QueryNote:
    """The note that a request is about."""

    text: str | None
    """None for a stored note without its text."""
    vector: np.ndarray | None
    """The stored embedding (D,), None for a note that was sent as text."""
    excluded: Excluded
    warnings: tuple[str, ...]
    reads_notes: bool
    """Whether the answer may depend on stored notes; else neither the ranker nor the answer has neighbours."""

    def require_text(self) -> str:
        """The text.

        Raises:
            NoteTextNotStored: the note is stored without it.
        """
        if self.text is None:
            raise NoteTextNotStored(
                "the note is stored without its text: send the text, or store it with `icd-coder index --store-text`"
            )
        return self.text


@dataclass(frozen=True)
class SimilarNotes:
    """Neighbours, with what they are similar by."""

    notes: list[Neighbour]
    warnings: list[str]
    by: SimilarBy = "text"
    code_share: float | None = None
    """Of the codes in the similarity; None where it is by text."""


@dataclass
class NeighbourSearch:
    """A search by text that keeps what it found: the ranker wants many neighbours, and votes are shown of the first."""

    index: NeighbourIndex
    note: QueryNote
    neighbours: int
    found: list[Neighbour] = field(default_factory=list)

    def __call__(self, vector: np.ndarray) -> list[Neighbour]:
        """Search with the embedding (D,) of the note.

        Raises:
            As :meth:`app.neighbours.index.NeighbourIndex.find`.
        """
        self.found = self.index.find(SearchQuery(vector), self.neighbours, self.note.excluded)
        return self.found


@dataclass(frozen=True)
class NeighbourService:
    """Neighbours by the rules on patients; without a database there are none, and the answer says so."""

    index: NeighbourIndex | None
    max_neighbours: int
    code_share: float | None = None
    """Of the codes in the similarity, as the bundle was fitted; None for one that writes no code vectors."""

    async def resolve(self, query: NoteQuery, reads_notes: bool) -> QueryNote:
        """The note of a request, with the notes that may not be its neighbours.

        The patient that the request names, the patient of a stored note, and the note itself are excluded. A caller
        could tell a stored patient by what changes, so without ``reads_notes`` no neighbour is looked for at all.

        Args:
            reads_notes: whether the caller may see what is stored (the scope neighbours).

        Raises:
            NoDatabase, UnknownNote: a note_id that cannot be looked up.
        """
        subjects = {query.subject_id} if query.subject_id is not None else set()
        if query.note_id is None:
            warnings = () if subjects else (NO_PATIENT,)
            return QueryNote(query.text, None, Excluded(frozenset(subjects)), warnings, reads_notes)
        if self.index is None:
            raise NoDatabase("a note_id needs a database: send the text, or start `icd-coder serve --database URL`")
        stored = await asyncio.to_thread(self.index.stored, query.note_id)
        if stored is None:
            raise UnknownNote("no note is stored under this note_id: send the text")
        if stored.note.subject_id is not None:
            subjects.add(stored.note.subject_id)
        excluded = Excluded(frozenset(subjects), frozenset({query.note_id}))
        warnings = () if subjects else (PATIENT_UNKNOWN,)
        return QueryNote(stored.note.text, stored.vector, excluded, warnings, reads_notes)

    def check_limit(self, neighbours: int) -> None:
        """Raise InvalidOption above the limit."""
        if neighbours > self.max_neighbours:
            raise InvalidOption(f"neighbours is {neighbours}, the limit is {self.max_neighbours}: ask for fewer")

    async def find(self, vectors: NoteVectors, note: QueryNote, neighbours: int, by: SimilarBy) -> SimilarNotes:
        """The neighbours, what they are similar by, and the warnings that belong to them.

        A note of which no code is likely is searched by its text.

        Raises:
            InvalidOption: by codes, and the bundle writes no code vectors.
            DatabaseUnavailable: the database cannot be read.
        """
        if neighbours == 0 or not note.reads_notes:
            return SimilarNotes([], [])
        if self.index is None:
            return SimilarNotes([], [NO_DATABASE])
        share = self.share_of(by)
        query = SearchQuery(vectors.embedding, vectors.codes, share)
        found = await asyncio.to_thread(self.index.find, query, neighbours, note.excluded)
        warnings = self._warnings(found, note)
        if query.reads_codes:
            return SimilarNotes(found, warnings, by, share)
        return SimilarNotes(found, [*warnings, *([NO_LIKELY_CODE] if share else [])])

    def share_of(self, by: SimilarBy) -> float:
        """Share of the codes in a similarity.

        Raises:
            InvalidOption: by codes, and the bundle writes no code vectors.
        """
        if by == "text":
            return 0.0
        if self.code_share is None:
            if by == "codes":
                raise InvalidOption(
                    "the bundle compares no codes: ask for by 'text' or 'both', or serve a bundle with a ranker of "
                    "this version"
                )
            return 0.0
        return 1.0 if by == "codes" else self.code_share

    def search(self, note: QueryNote, neighbours: int) -> "NeighbourSearch | None":
        """The search for this note's neighbours, to be done where its embedding is; None if none may be."""
        if self.index is None or not note.reads_notes:
            return None
        return NeighbourSearch(self.index, note, neighbours)

    def first(self, found: Sequence[Neighbour], note: QueryNote, neighbours: int) -> SimilarNotes:
        """The first of neighbours that were found by their text, and the warnings that belong to all of them."""
        return SimilarNotes(list(found[:neighbours]), self._warnings(found, note))

    def _warnings(self, found: Sequence[Neighbour], note: QueryNote) -> list[str]:
        if not found:
            return [NOTHING_INDEXED]
        without_text = all(neighbour.snippet is None for neighbour in found)
        return [*note.warnings, *([NO_TEXT] if without_text else [])]
