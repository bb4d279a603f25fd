"""Code one note: predict, find neighbours, build the answer. Used by the routes and by ``icd-coder code``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from app.catalogue.code_tree import CodeTree
from app.coding.neighbour_evidence import neighbour_evidence, ranking_neighbours
from app.coding.schemas import PredictRequest
from app.inference.worker import Coder, FindNeighbours, Inference
from app.neighbours.index import NeighbourIndex
from app.neighbours.schemas import NeighboursRequest
from app.neighbours.service import NO_STORED_TEXT, NeighbourSearch, NeighbourService, QueryNote, SimilarNotes
from app.settings import Settings
from icd_coder_client.answer import Tokens
from icd_coder_client.coding import PredictAnswer
from icd_coder_client.neighbours import NeighboursAnswer
from model.errors import InvalidOption
from model.prediction import NoteVectors, TokenCount
from model.ranking.channels import NEAREST
from model.ranking.selection import CodeChoice
from model.text.note_text import check_note

NO_CODE_LEFT = "no code is left: minimum_probability, systems, include and exclude rule out every candidate"
RANKED_ALONE = (
    "the access key has no scope 'neighbours': the codes are ranked without the stored notes, so that nothing is told "
    "of them"
)
Observe = Callable[[str, float], None]
"""Called with the name of a stage and its seconds."""


def ignore_stage(_stage: str, _seconds: float) -> None:
    """Discard the duration; used where no metrics are kept."""


@dataclass
class Stopwatch:
    """Measures the stages of one request, in milliseconds."""

    observe: Observe = ignore_stage
    timings: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block."""
        start = perf_counter()
        yield
        self.timings[name] = _milliseconds(start)
        self.observe(name, perf_counter() - start)

    def finish(self) -> dict[str, float]:
        """Milliseconds of each stage, and of all together as ``total``."""
        return {**self.timings, "total": _milliseconds(self._start)}


@dataclass(frozen=True)
class CodingService:
    """Codes notes and finds similar ones with one bundle."""

    bundle_id: str
    inference: Inference
    neighbours: NeighbourService
    tree: CodeTree
    max_characters: int
    max_top_k: int
    observe: Observe = ignore_stage

    async def predict(
        self,
        request: PredictRequest,
        *,
        reads_notes: bool,
        low_priority: bool = False,
        on_start: Callable[[], None] | None = None,
    ) -> PredictAnswer:
        """Ranked codes with weighed, then the most similar stored notes.

        Args:
            reads_notes: whether the caller may see what is stored; see
                :meth:`app.neighbours.service.NeighbourService.resolve`.
            low_priority: code the note only when no other is waiting.
            on_start: called in the worker thread before the note is coded.

        Raises:
            InvalidNote, NoteTooLong, NoteTooCostly, InvalidOption: the request cannot be answered.
            NoDatabase, UnknownNote, NoteTextNotStored: the note_id cannot be used.
            Overloaded, OutOfTime, DatabaseUnavailable: the request may succeed later.
        """
        self._check_limits(request.top_k, request.neighbours)
        choice = self._choice(request)
        watch = Stopwatch(self.observe)
        note = await self.neighbours.resolve(request, reads_notes)
        text = note.require_text()
        check_note(text, self.max_characters)
        search = self._search(note, request.neighbours)
        with watch.stage("inference"):
            coded = await self.inference.predict(
                text, request.top_k, request.explain, _finder(search), request.policy, choice, low_priority, on_start
            )
        with watch.stage("neighbours"):
            by_text, similar = await self._neighbours(coded.vectors, note, search, request.neighbours)
        evidence = neighbour_evidence(coded.codes, by_text.notes, similar.notes)
        warnings = dict.fromkeys([*by_text.warnings, *similar.warnings])
        return PredictAnswer(
            bundle_id=self.bundle_id,
            precision=coded.precision,
            codes=evidence.codes,
            neighbours=evidence.neighbours,
            neighbours_by=similar.by,
            code_share=similar.code_share,
            tokens=token_counts(coded.tokens),
            warnings=[*coded.warnings, *([] if coded.codes else [NO_CODE_LEFT]), *warnings, *self.kept_from(note)],
            timings_ms=watch.finish(),
        )

    async def _neighbours(
        self, vectors: NoteVectors, note: QueryNote, search: NeighbourSearch | None, neighbours: int
    ) -> tuple[SimilarNotes, SimilarNotes]:
        """The notes with the most similar text, whose votes no predicted code chose, and the neighbours to show."""
        if search is None:
            by_text = await self.neighbours.find(vectors, note, neighbours, "text")
        else:
            by_text = self.neighbours.first(search.found, note, neighbours)
        if not by_text.notes or not self.neighbours.share_of("both"):
            return by_text, by_text
        return by_text, await self.neighbours.find(vectors, note, neighbours, "both")

    def _choice(self, request: PredictRequest) -> CodeChoice:
        """Raise InvalidOption if the bundle does not have a system or a subtree."""
        allowed = self.tree.allowed(request.systems, request.include, request.exclude)
        return CodeChoice(allowed, request.minimum_probability)

    def _search(self, note: QueryNote, neighbours: int) -> NeighbourSearch | None:
        """The search for the ranker, with as many neighbours as it was fitted on or more if requested.

        None if the ranker does not use neighbours, or may not.
        """
        if not self.inference.uses_neighbours:
            return None
        return self.neighbours.search(note, max(neighbours, *NEAREST))

    def kept_from(self, note: QueryNote) -> list[str]:
        """The warning of an answer whose ranker would have read stored notes for another caller."""
        would = self.inference.uses_neighbours and self.neighbours.index is not None
        return [RANKED_ALONE] if would and not note.reads_notes else []

    def neighbour_finder(self, note: QueryNote, neighbours: int) -> FindNeighbours | None:
        """The search for the ranker's neighbours, without those of the same patient; None if it does not use any."""
        return _finder(self._search(note, neighbours))

    async def similar(self, request: NeighboursRequest) -> NeighboursAnswer:
        """The most similar stored notes.

        A stored note is found by its stored embedding where the codes have no share, and then needs no text. Its
        assigned codes are never searched with: only what is predicted of its text is.

        Raises:
            As :meth:`predict`.
        """
        self._check_limits(1, request.neighbours)
        watch = Stopwatch(self.observe)
        note = await self.neighbours.resolve(request, reads_notes=True)  # the route's scope
        share = self.neighbours.share_of(request.by)
        tokens, vectors, by = None, None if note.vector is None else NoteVectors(note.vector), request.by
        if vectors is not None and note.text is None and by == "both":
            by = "text"
        if vectors is None or (share and by != "text"):
            text = note.require_text()
            check_note(text, self.max_characters)
            with watch.stage("inference"):
                # Not vectors(): only a prediction reports how many tokens were read.
                coded = await self.inference.predict(text, top_k=1, explain="none")
            tokens, vectors = token_counts(coded.tokens), coded.vectors
        with watch.stage("neighbours"):
            similar = await self.neighbours.find(vectors, note, request.neighbours, by)
        return NeighboursAnswer(
            bundle_id=self.bundle_id,
            neighbours=similar.notes,
            neighbours_by=similar.by,
            code_share=similar.code_share,
            tokens=tokens,
            warnings=[*similar.warnings, *([NO_STORED_TEXT] if share and by != request.by else [])],
            timings_ms=watch.finish(),
        )

    def _check_limits(self, top_k: int, neighbours: int) -> None:
        if top_k > self.max_top_k:
            raise InvalidOption(f"top_k is {top_k}, the limit is {self.max_top_k}: ask for fewer")
        self.neighbours.check_limit(neighbours)


def build_service(
    settings: Settings,
    coder: Coder,
    inference: Inference,
    index: NeighbourIndex | None,
    observe: Observe = ignore_stage,
) -> CodingService:
    """The coding service with the limits of the settings."""
    return CodingService(
        coder.bundle_id,
        inference,
        NeighbourService(
            index, settings.max_neighbours, None if coder.code_vectors is None else coder.code_vectors.code_share
        ),
        CodeTree(coder.codes),
        settings.max_characters,
        settings.max_top_k,
        observe,
    )


def _finder(search: NeighbourSearch | None) -> FindNeighbours | None:
    return None if search is None else lambda vector: ranking_neighbours(search(vector))


def token_counts(count: TokenCount) -> Tokens:
    """The counts in the schema of the answers."""
    return Tokens(read=count.read, total=count.total, truncated=count.truncated)


def _milliseconds(start: float) -> float:
    return round((perf_counter() - start) * 1000, 3)
